//! The inbox in a MySQL or MariaDB database.
//!
//! A claim goes as text, several statements to a packet: that is one round trip. Groups, topics, ids and keys are written into it in
//! hexadecimal digits.

mod claim;
mod fit;
mod park;
mod retry;

use std::{fmt::Write, sync::Arc, time::Duration};

use sqlx::{MySql, MySqlConnection, MySqlPool, SqlStr, Transaction, mysql::MySqlDatabaseError};

use super::{
    Claim, Delivery, Due, Failure, Identity, Inbox, InboxDatabase, InboxStats, InboxTable,
    fault::{check, database_error},
    table::statement,
};
use crate::{EventError, database::Quotes};

/// `READ COMMITTED` locks no gaps between the rows of different keys, and each statement sees the rows that are committed by then. By
/// default, a second claim would look for the key's events in the snapshot of the first one, also after a wait.
pub(super) const BEGIN: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION READ WRITE";

/// Microseconds since 1970, by the database's clock.
const NOW: &str = "timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))";

/// `ER_CANT_CHANGE_TX_CHARACTERISTICS`.
const IN_TRANSACTION: u16 = 1568;

impl InboxDatabase for MySql {
    type Inbox = MySqlInbox;

    fn inbox(pool: MySqlPool, table: InboxTable, group: Arc<str>) -> MySqlInbox {
        MySqlInbox { pool, table, group }
    }
}

/// The inbox of a group in a MySQL or MariaDB database.
#[derive(Debug, Clone)]
pub struct MySqlInbox {
    pool: MySqlPool,
    table: InboxTable,
    group: Arc<str>,
}

impl MySqlInbox {
    fn sql(&self, template: &str) -> SqlStr {
        let text = template.replace("{now}", NOW).replace("{group}", &hexadecimal(self.group.as_bytes()));
        statement(Quotes::Backticks, &text, self.table.name())
    }

    fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }
}

/// Bytes as a literal of a statement.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = "X'".to_owned();
    for byte in bytes {
        let _ = write!(digits, "{byte:02X}");
    }
    digits + "'"
}

impl Inbox for MySqlInbox {
    type Database = MySql;

    async fn validate(&self) -> Result<(), EventError> {
        self.fits().await
    }

    async fn begin(&self) -> Result<Transaction<'static, MySql>, EventError> {
        self.pool.begin_with(BEGIN).await.map_err(self.error("begin a transaction"))
    }

    async fn claim(
        &self,
        connection: &mut MySqlConnection,
        delivery: &Delivery,
        identity: &Identity,
    ) -> Result<Claim, EventError> {
        check(identity)?;
        self.take(connection, delivery, identity).await.map_err(self.error("take an event"))
    }

    async fn claim_all(
        &self,
        connection: &mut MySqlConnection,
        events: &[(&Delivery, &Identity)],
    ) -> Result<Vec<Claim>, EventError> {
        events.iter().try_for_each(|(_, identity)| check(identity))?;
        self.take_all(connection, events).await.map_err(self.error("take events"))
    }

    /// The level of the next transaction cannot be set inside of one.
    async fn is_open(&self, connection: &mut MySqlConnection) -> Result<bool, EventError> {
        match sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED").execute(connection).await {
            Ok(_) => Ok(false),
            Err(sqlx::Error::Database(error))
                if error
                    .try_downcast_ref()
                    .is_some_and(|error: &MySqlDatabaseError| error.number() == IN_TRANSACTION) =>
            {
                Ok(true)
            }
            Err(error) => Err(self.error("commit a handled event")(error)),
        }
    }

    async fn has_taken(&self, connection: &mut MySqlConnection, identity: &Identity) -> Result<bool, EventError> {
        self.knows(connection, identity).await.map_err(self.error("look for an event"))
    }

    async fn park(
        &self,
        connection: &mut MySqlConnection,
        delivery: &Delivery,
        identity: &Identity,
        failure: Option<&Failure>,
    ) -> Result<(), EventError> {
        check(identity)?;
        self.write(connection, delivery, identity, failure).await.map_err(self.error("park an event"))
    }

    async fn next_due(&self, connection: &mut MySqlConnection) -> Result<Due, EventError> {
        self.next(connection).await.map_err(self.error("look for events that are due"))
    }

    async fn unpark(&self, connection: &mut MySqlConnection, id: i64) -> Result<(), EventError> {
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
