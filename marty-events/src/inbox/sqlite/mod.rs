//! The inbox in a SQLite database, which has one writer at a time.

mod claim;
mod fit;
mod park;
mod retry;

use std::{sync::Arc, time::Duration};

use sqlx::{SqlStr, Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::{
    Claim, Delivery, Due, Failure, Identity, Inbox, InboxDatabase, InboxStats, InboxTable,
    fault::{check, database_error},
    table::statement,
};
use crate::{EventError, database::Quotes};

/// The write lock from the beginning: a transaction that reads first could not write after another one has.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Microseconds since 1970, by the database's clock.
const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

impl InboxDatabase for Sqlite {
    type Inbox = SqliteInbox;

    fn inbox(pool: SqlitePool, table: InboxTable, group: Arc<str>) -> SqliteInbox {
        SqliteInbox { pool, table, group }
    }
}

/// The inbox of a group in a SQLite database.
#[derive(Debug, Clone)]
pub struct SqliteInbox {
    pool: SqlitePool,
    table: InboxTable,
    group: Arc<str>,
}

impl SqliteInbox {
    fn sql(&self, template: &str) -> SqlStr {
        statement(Quotes::Double, &template.replace("{now}", NOW), self.table.name())
    }

    fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }
}

impl Inbox for SqliteInbox {
    type Database = Sqlite;

    async fn validate(&self) -> Result<(), EventError> {
        self.fits().await
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, EventError> {
        self.pool.begin_with(BEGIN).await.map_err(self.error("begin a transaction"))
    }

    async fn claim(
        &self,
        connection: &mut SqliteConnection,
        delivery: &Delivery,
        identity: &Identity,
    ) -> Result<Claim, EventError> {
        check(identity)?;
        self.take(connection, delivery, identity).await.map_err(self.error("take an event"))
    }

    async fn claim_all(
        &self,
        connection: &mut SqliteConnection,
        events: &[(&Delivery, &Identity)],
    ) -> Result<Vec<Claim>, EventError> {
        events.iter().try_for_each(|(_, identity)| check(identity))?;
        self.take_all(connection, events).await.map_err(self.error("take events"))
    }

    /// A transaction cannot begin inside another one.
    async fn is_open(&self, connection: &mut SqliteConnection) -> Result<bool, EventError> {
        Ok(sqlx::raw_sql("BEGIN").execute(connection).await.is_err())
    }

    async fn has_taken(&self, connection: &mut SqliteConnection, identity: &Identity) -> Result<bool, EventError> {
        self.knows(connection, identity).await.map_err(self.error("look for an event"))
    }

    /// SQLite refuses a rollback without a transaction. sqlx would then count the pool's connection as inside of one for ever.
    async fn reopen(&self, connection: &mut SqliteConnection) {
        let _ = sqlx::raw_sql("BEGIN").execute(connection).await;
    }

    async fn park(
        &self,
        connection: &mut SqliteConnection,
        delivery: &Delivery,
        identity: &Identity,
        failure: Option<&Failure>,
    ) -> Result<(), EventError> {
        check(identity)?;
        self.write(connection, delivery, identity, failure).await.map_err(self.error("park an event"))
    }

    async fn next_due(&self, connection: &mut SqliteConnection) -> Result<Due, EventError> {
        self.next(connection).await.map_err(self.error("look for events that are due"))
    }

    async fn unpark(&self, connection: &mut SqliteConnection, id: i64) -> Result<(), EventError> {
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
