//! The way in which the store's statements are run: alone, or each in a transaction of its own.
//!
//! Alone is one round trip, and the connection prepares each statement once. It counts on transactions that begin `READ COMMITTED`, on
//! statements that may take their time, and on a connection that leads to one session. A role or a database may be set otherwise. A pooler in
//! transaction mode gives a client another session with each transaction. sqlx names its statements the same on every connection, so a
//! client that prepared one may run the statement of another client, with no error. So a statement is run alone only where the answers show
//! that it may be. Otherwise a transaction of its own sets what the statement was made for, and nothing is prepared by name. That is three
//! round trips more.
//!
//! `SET` for the session is no way out: behind a pooler it would stay with the next client.

use std::{
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Row, Transaction, error::DatabaseError,
    postgres::PgConnectOptions,
};
use uuid::Uuid;

use crate::outbox::{Fault, Link};

/// A parameter that a connection of a relay's own names when it begins. The server has it in the session, where no pooler lies on the way: a
/// pooler refuses it, or ignores it.
const MARK: &str = "marty_events.session";

/// The value of that parameter. One server may have connections of several processes.
static MARKED: LazyLock<Uuid> = LazyLock::new(Uuid::now_v7);

/// Settings of such a connection. It prepares a statement once, and the server keeps the plan. In an outbox of a few rows that would be a walk over
/// the whole table, and would stay so for a backlog until the next `ANALYZE`. A plan without a walk looks dear where there is no other, and a
/// plan that looks dear is compiled, which takes longer than the statement.
const PLANS: [(&str, &str); 2] = [("enable_seqscan", "off"), ("jit", "off")];

/// True if a statement that runs alone cannot count on all that it needs. A statement that is shorter than 10 s in all sessions cuts reads off, since
/// the relay's own limits begin there.
const IS_UNUSUAL: &str = "
    SELECT current_setting('default_transaction_isolation') <> 'read committed'
        OR current_setting('default_transaction_deferrable') = 'on'
        OR EXISTS (SELECT FROM pg_settings WHERE name IN ('statement_timeout', 'transaction_timeout')
            AND setting::bigint BETWEEN 1 AND 10000)";

/// `transaction_timeout` came with PostgreSQL 17. Whether writes are allowed is left as it is: a database is made read-only on purpose.
const BEGIN: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED NOT DEFERRABLE;
    SET LOCAL statement_timeout = 0;
    SET LOCAL lock_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'";

/// The permission for statements to run alone. They may not until [`look`](Self::look) has found so, and not again after an answer that
/// tells otherwise.
#[derive(Clone, Default)]
pub(super) struct Session(Arc<State>);

#[derive(Default)]
struct State {
    /// The options of a relay's own pool without the [mark](MARK). `None` for a pool of somebody else, whose options are left as
    /// they are and whose connections are not marked.
    unmarked: Option<PgConnectOptions>,
    is_usual: AtomicBool,
    is_unusual: AtomicBool,
}

impl Session {
    /// For a pool of the relay's own, whose connections are marked from now on.
    pub(super) fn marked(pool: &PgPool) -> Self {
        let unmarked = (*pool.connect_options()).clone();
        mark(pool, &unmarked);
        Self(Arc::new(State { unmarked: Some(unmarked), ..State::default() }))
    }

    /// The options of a connection that is not marked.
    pub(super) fn unmarked(&self, pool: &PgPool) -> PgConnectOptions {
        self.0.unmarked.clone().unwrap_or_else(|| (*pool.connect_options()).clone())
    }

    pub(super) fn runs_alone(&self) -> bool {
        self.0.is_usual.load(Ordering::Relaxed) && !self.0.is_unusual.load(Ordering::Relaxed)
    }

    /// Finds out whether statements may run alone.
    pub(super) async fn look(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        if self.0.unmarked.is_none() {
            return Ok(());
        }
        let mut link = self.take(pool).await?;
        if !has_mark(&mut link).await? {
            self.meets_a_pooler();
        } else if sqlx::raw_sql(IS_UNUSUAL).fetch_one(&mut *link).await?.try_get(0)? {
            self.meets_settings();
        }
        self.0.is_usual.store(true, Ordering::Relaxed);
        link.end(Ok(()), |_| false)
    }

    /// A connection of the pool. A new one is looked at first: a pooler may have come between since the start. One is new while it has prepared
    /// nothing.
    pub(super) async fn take(&self, pool: &PgPool) -> Result<Link<Postgres>, sqlx::Error> {
        let mut link = match (Link::take(pool).await, &self.0.unmarked) {
            // A pooler says so where it does not take the mark. Other refusals are met again without it.
            (Err(sqlx::Error::Database(_)), Some(unmarked)) => {
                pool.set_connect_options(unmarked.clone());
                Link::take(pool).await.inspect_err(|_| mark(pool, unmarked))?
            }
            (taken, _) => taken?,
        };
        if self.runs_alone() && link.cached_statements_size() == 0 && !has_mark(&mut link).await? {
            self.meets_a_pooler();
        }
        Ok(link)
    }

    /// True if an answer tells that statements may not run alone: settings change, and a pooler may lie on the way. The statement has changed
    /// nothing, and is run again.
    pub(super) fn learns_from<T>(&self, answer: &Result<T, sqlx::Error>) -> bool {
        let Err(error) = answer else { return false };
        let code = error.as_database_error().and_then(DatabaseError::code);
        if Fault::of(error) == Fault::Pooled {
            self.meets_a_pooler();
            return true;
        }
        // serialization_failure; query_canceled, by a time-out
        let tells = matches!(code.as_deref(), Some("40001" | "57014"));
        if tells {
            self.meets_settings();
        }
        tells
    }

    pub(super) async fn begin(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
        Connection::begin_with(connection, BEGIN).await
    }

    fn meets_a_pooler(&self) {
        if !self.0.is_unusual.swap(true, Ordering::Relaxed) {
            tracing::info!("a pooler is before the database; each statement has a transaction of its own");
        }
    }

    fn meets_settings(&self) {
        if !self.0.is_unusual.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "the database's sessions are set up in their own way; each statement has a transaction of its own"
            );
        }
    }
}

/// True if the connection serves no more: it leads to a server that was failed over from, or its prepared statements are on another one.
pub(super) fn is_spoilt(error: &sqlx::Error) -> bool {
    matches!(Fault::of(error), Fault::ReadOnly | Fault::Pooled)
}

fn mark(pool: &PgPool, unmarked: &PgConnectOptions) {
    pool.set_connect_options(unmarked.clone().options([(MARK, *MARKED)]).options(PLANS));
}

/// By the simple protocol, which prepares nothing.
async fn has_mark(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let sql = format!("SELECT coalesce(current_setting('{MARK}', true) = '{}', false)", *MARKED);
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(connection).await?.try_get(0)
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("runs_alone", &self.runs_alone()).finish_non_exhaustive()
    }
}
