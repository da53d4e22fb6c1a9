//! How the relay's statements are run: alone, or each in a transaction of its own.
//!
//! Alone is one round trip. It counts on transactions that begin `READ COMMITTED`, on statements that may take their time, and on a
//! connection that is one session. A role or a database may be set otherwise, and a pooler gives a connection to several clients. Then a
//! transaction of its own sets what the statement was made for, and nothing is prepared beforehand. That is three round trips more.
//!
//! `SET` for the session is no way out: behind a pooler it would stay with the next client.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{PgConnection, Postgres, Transaction, error::DatabaseError};

use crate::outbox::Fault;

/// Whether what a statement counts on is not to be had alone. A statement that is shorter than 10 s in all sessions cuts reads off, since
/// the relay's own limits begin there.
pub(super) const IS_UNUSUAL: &str = "
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

/// Whether statements need a transaction of their own. It is learned once, and not forgotten.
#[derive(Debug, Clone, Default)]
pub(super) struct Session(Arc<AtomicBool>);

impl Session {
    pub(super) fn is_unusual(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set_unusual(&self) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "the database's sessions are set up in their own way; each statement has a transaction of its own"
            );
        }
    }

    /// Whether an answer tells it: settings change, and a pooler may lie on the way. The statement has changed nothing, and is run again.
    pub(super) fn learns_from<T>(&self, answer: &Result<T, sqlx::Error>) -> bool {
        let Err(error) = answer else { return false };
        let code = error.as_database_error().and_then(DatabaseError::code);
        // serialization_failure; query_canceled, by a time-out
        let tells = matches!(code.as_deref(), Some("40001" | "57014")) || Fault::of(error) == Fault::Pooled;
        if tells {
            self.set_unusual();
        }
        tells
    }

    pub(super) async fn begin(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
        sqlx::Connection::begin_with(connection, BEGIN).await
    }
}

/// Whether the connection serves no more: it leads to a server that was failed over from, or what it had prepared is on another one.
pub(super) fn is_spoilt(error: &sqlx::Error) -> bool {
    matches!(Fault::of(error), Fault::ReadOnly | Fault::Pooled)
}
