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

/// The CRC-32 (IEEE 802.3) of what the event is ordered by, or of its id where it is not.
pub(crate) fn key_hash(message: &Message) -> i64 {
    let hash = match &message.ordering_key {
        Some(key) => crc32fast::hash(key.as_bytes()),
        None => crc32fast::hash(message.id.as_bytes()),
    };
    i64::from(hash)
}

pub(crate) fn headers_text(message: &Message) -> Result<String, EventError> {
    struct Pairs<'a>(&'a Message);

    impl serde::Serialize for Pairs<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.0.headers())
        }
    }

    serde_json::to_string(&Pairs(message))
        .map_err(|source| EventError::Serialize { field: "headers".to_owned(), source })
}
