use sqlx::{Connection, SqlStr, SqliteConnection};

use super::super::{
    OutboxTable, Quotes,
    encoding::{headers_text, key_hash},
    queue::{database_error, not_kept},
    rights::WRITE,
};
use crate::{EventError, event::envelope::Message};

const INSERT: &str = "
    INSERT INTO {outbox} (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// `SQLITE_BUSY`, and `SQLITE_BUSY_SNAPSHOT` for a transaction that has read what is not the newest any more.
const BUSY: [&str; 2] = ["5", "517"];

#[derive(Debug, Clone)]
pub(crate) struct Append {
    table: OutboxTable,
    insert: SqlStr,
}

impl Append {
    pub(crate) fn new(table: &OutboxTable) -> Self {
        Self { table: table.clone(), insert: Quotes::Double.statement(INSERT, table) }
    }

    /// A statement each: the database is in this process, so there is no round trip to save.
    pub(crate) async fn append(
        &self,
        connection: &mut SqliteConnection,
        messages: &[Message],
    ) -> Result<(), EventError> {
        self.require_transaction(connection).await?;
        for message in messages {
            let written = sqlx::query(self.insert.clone())
                .bind(message.id.to_string())
                .bind(&*message.event_type)
                .bind(&message.topic)
                .bind(message.key())
                .bind(message.ordering_key())
                .bind(key_hash(message))
                .bind(headers_text(message))
                .bind(message.payload.as_bytes())
                .execute(&mut *connection)
                .await
                .map_err(|error| self.refused(error))?;
            not_kept(&self.table, written.rows_affected(), 1)?;
        }
        Ok(())
    }

    fn refused(&self, source: sqlx::Error) -> EventError {
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        if code.is_some_and(|code| BUSY.contains(&&*code)) {
            return EventError::WriteConflict { source: Box::new(source) };
        }
        database_error(WRITE, &self.table, source)
    }

    /// A connection that commits every statement by itself would separate the event from the work it is about.
    ///
    /// sqlx counts the transactions that it began itself; where it counts none, the database is asked: `BEGIN` is refused
    /// inside a transaction (SQLite, "Transaction", section 2).
    async fn require_transaction(&self, connection: &mut SqliteConnection) -> Result<(), EventError> {
        if connection.is_in_transaction() || sqlx::raw_sql("BEGIN").execute(&mut *connection).await.is_err() {
            return Ok(());
        }
        let ended = sqlx::raw_sql("ROLLBACK").execute(connection).await;
        ended.map_err(|error| database_error("ask for the transaction", &self.table, error))?;
        Err(EventError::NotInTransaction)
    }
}
