//! The inbox in a PostgreSQL database.

mod claim;
mod fit;
mod park;
mod plans;
mod retry;

use std::{sync::Arc, time::Duration};

use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use self::plans::{Plans, Statements};
use super::{
    Claim, Committed, Delivery, Due, Failure, Identity, Inbox, InboxDatabase, InboxStats, InboxTable,
    fault::{check, commit_error, database_error},
};
use crate::EventError;

/// `in_failed_sql_transaction`: every statement after an error, until the rollback.
const ABORTED: &str = "25P02";
/// `division_by_zero`: the answer of [`IS_OPEN`] outside of the event's transaction.
const ENDED: &str = "22012";

/// At a higher level, a claim that has waited for another one fails instead of seeing its outcome.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Fails in a transaction that an error has ended, and where the handler has ended it by a statement of its own: the row of the event has
/// given the transaction a number, and nothing else has one.
macro_rules! is_open {
    () => {
        "SELECT 1 / (txid_current_if_assigned() IS NOT NULL)::int"
    };
}

const IS_OPEN: &str = is_open!();

/// Three statements of one round trip. The first one asks as [`IS_OPEN`] does: a commit alone would roll back and say nothing. The others are
/// left out where it fails. The next transaction takes over the mode of this one, which a handler may have changed.
const COMMIT: &str =
    concat!(is_open!(), "; COMMIT AND CHAIN; SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE");

/// `now()` is the time when a transaction began. The mode stays.
const RENEW: &str = "ROLLBACK AND CHAIN";

impl InboxDatabase for Postgres {
    type Inbox = PostgresInbox;

    fn inbox(pool: PgPool, table: InboxTable, group: Arc<str>) -> PostgresInbox {
        PostgresInbox::new(pool, table, &group)
    }
}

/// The inbox of a group in a PostgreSQL database.
#[derive(Debug, Clone)]
pub struct PostgresInbox {
    pool: PgPool,
    table: InboxTable,
    group: Arc<str>,
    plans: Arc<Plans>,
}

impl PostgresInbox {
    pub(super) fn new(pool: PgPool, table: InboxTable, group: &str) -> Self {
        let plans = Arc::new(Plans::new(&table, None));
        let group = super::encoding::escaped(group).into();
        Self { pool, table, group, plans }
    }

    fn sql(&self) -> Arc<Statements> {
        self.plans.now()
    }

    fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }
}

/// True if the transaction had ended before the statement came.
fn has_ended(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some(ABORTED | ENDED))
}

impl Inbox for PostgresInbox {
    type Database = Postgres;

    async fn validate(&self) -> Result<(), EventError> {
        self.fits().await
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, EventError> {
        self.pool.begin_with(BEGIN).await.map_err(self.error("begin a transaction"))
    }

    async fn claim(
        &self,
        connection: &mut PgConnection,
        delivery: &Delivery,
        identity: &Identity,
    ) -> Result<Claim, EventError> {
        check(identity)?;
        self.take(connection, delivery, identity).await.map_err(self.error("take an event"))
    }

    async fn claim_all(
        &self,
        connection: &mut PgConnection,
        events: &[(&Delivery, &Identity)],
    ) -> Result<Vec<Claim>, EventError> {
        events.iter().try_for_each(|(_, identity)| check(identity))?;
        self.take_all(connection, events).await.map_err(self.error("take events"))
    }

    async fn is_open(&self, connection: &mut PgConnection) -> Result<bool, EventError> {
        match sqlx::raw_sql(IS_OPEN).execute(connection).await {
            Ok(_) => Ok(true),
            Err(error) if has_ended(&error) => Ok(false),
            Err(error) => Err(self.error("commit a handled event")(error)),
        }
    }

    async fn has_taken(&self, connection: &mut PgConnection, identity: &Identity) -> Result<bool, EventError> {
        self.knows(connection, identity).await.map_err(self.error("look for an event"))
    }

    fn bounded(mut self, longest_call: Duration) -> Self {
        self.plans = Arc::new(Plans::new(&self.table, Some(longest_call)));
        self
    }

    async fn commit(&self, mut transaction: Transaction<'static, Postgres>) -> Result<Committed<Postgres>, EventError> {
        match sqlx::raw_sql(COMMIT).execute(&mut *transaction).await {
            Ok(_) => Ok(Committed::Next(transaction)),
            Err(error) if has_ended(&error) => Ok(Committed::Undone(transaction)),
            Err(error) => Err(commit_error(error)),
        }
    }

    async fn commit_own(&self, transaction: Transaction<'static, Postgres>) -> Result<Committed<Postgres>, EventError> {
        self.commit(transaction).await
    }

    async fn renew(&self, connection: &mut PgConnection) -> Result<(), EventError> {
        sqlx::raw_sql(RENEW).execute(connection).await.map(drop).map_err(self.error("begin a transaction"))
    }

    async fn park(
        &self,
        connection: &mut PgConnection,
        delivery: &Delivery,
        identity: &Identity,
        failure: Option<&Failure>,
    ) -> Result<(), EventError> {
        check(identity)?;
        self.write(connection, delivery, identity, failure).await.map_err(self.error("park an event"))
    }

    async fn next_due(&self, connection: &mut PgConnection) -> Result<Due, EventError> {
        self.next(connection).await.map_err(self.error("look for events that are due"))
    }

    async fn unpark(&self, connection: &mut PgConnection, id: i64) -> Result<(), EventError> {
        self.remove(connection, id).await.map_err(self.error("take a parked event away"))
    }

    async fn fail(&self, id: i64, failure: &Failure) -> Result<bool, EventError> {
        self.write_down(id, failure).await.map_err(self.error("write a failure down"))
    }

    async fn forget(&self, age: Duration, limit: u32) -> Result<u64, EventError> {
        self.delete_old(age, limit).await.map_err(self.error("forget events"))
    }

    async fn stats(&self) -> Result<InboxStats, EventError> {
        self.counts().await.map_err(self.error("count its events"))
    }
}
