//! Writing events in the caller's transaction.

use super::{OutboxConnection, OutboxTable, wake};
use crate::{EventError, event::envelope::Message};

/// Writes events of one configured table through any connection.
#[derive(Debug, Clone)]
pub(crate) struct Appender {
    #[cfg(feature = "postgres")]
    postgres: super::postgres::Append,
    #[cfg(feature = "mysql")]
    mysql: super::mysql::Append,
    #[cfg(feature = "sqlite")]
    sqlite: super::sqlite::Append,
}

impl Appender {
    pub(crate) fn new(table: &OutboxTable) -> Self {
        let _ = table;
        Self {
            #[cfg(feature = "postgres")]
            postgres: super::postgres::Append::new(table),
            #[cfg(feature = "mysql")]
            mysql: super::mysql::Append::new(table),
            #[cfg(feature = "sqlite")]
            sqlite: super::sqlite::Append::new(table),
        }
    }

    /// Writes all of `messages`, in one statement where the database can, in their order.
    pub(crate) async fn append(
        &self,
        connection: OutboxConnection<'_>,
        messages: &[Message],
    ) -> Result<(), EventError> {
        if messages.is_empty() {
            return Ok(());
        }
        let written = match connection {
            #[cfg(feature = "postgres")]
            OutboxConnection::Postgres(connection) => self.postgres.append(connection, messages).await,
            #[cfg(feature = "mysql")]
            OutboxConnection::MySql(connection) => self.mysql.append(connection, messages).await,
            #[cfg(feature = "sqlite")]
            OutboxConnection::Sqlite(connection) => self.sqlite.append(connection, messages).await,
        };
        if written.is_ok() {
            wake::nudge();
        }
        written
    }
}
