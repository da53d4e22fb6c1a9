use sqlx::{Connection, PgConnection, SqlStr};
use uuid::Uuid;

use super::super::{
    OutboxTable,
    append::{headers_text, key_hash},
    sql::statement,
    store::database_error,
};
use crate::{EventError, event::message::Message};

/// Sequence values are drawn in the order of the arrays.
const INSERT: &str = "
    INSERT INTO {outbox} (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload)
    SELECT event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bytea[])
        WITH ORDINALITY
        AS event (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, place)
    ORDER BY place";

#[derive(Debug, Clone)]
pub(crate) struct Append {
    table: OutboxTable,
    insert: SqlStr,
}

impl Append {
    pub(crate) fn new(table: &OutboxTable) -> Self {
        Self { table: table.clone(), insert: statement(INSERT, table) }
    }

    /// One statement, however many messages.
    pub(crate) async fn append(&self, connection: &mut PgConnection, messages: &[Message]) -> Result<(), EventError> {
        self.require_transaction(connection).await?;
        let ids: Vec<Uuid> = messages.iter().map(|message| message.id).collect();
        let types: Vec<&str> = messages.iter().map(|message| message.event_type.as_str()).collect();
        let topics: Vec<&str> = messages.iter().map(|message| message.topic.as_str()).collect();
        let keys: Vec<Option<&str>> = messages.iter().map(|message| message.key.as_deref()).collect();
        let ordering: Vec<Option<&str>> = messages.iter().map(|message| message.ordering_key.as_deref()).collect();
        let hashes: Vec<i64> = messages.iter().map(key_hash).collect();
        let headers = messages.iter().map(headers_text).collect::<Result<Vec<String>, EventError>>()?;
        let payloads: Vec<&[u8]> = messages.iter().map(|message| message.payload.as_slice()).collect();
        sqlx::query(self.insert.clone())
            .bind(ids)
            .bind(types)
            .bind(topics)
            .bind(keys)
            .bind(ordering)
            .bind(hashes)
            .bind(headers)
            .bind(payloads)
            .execute(connection)
            .await
            .map(drop)
            .map_err(|error| database_error("write the event", &self.table, error))
    }

    /// A connection that commits every statement by itself would separate the event from the work it is about.
    ///
    /// sqlx counts the transactions that it began itself; where it counts none, the server is asked, in a round trip of
    /// its own: `SAVEPOINT` is refused outside a transaction block (PostgreSQL, "SAVEPOINT", Notes).
    async fn require_transaction(&self, connection: &mut PgConnection) -> Result<(), EventError> {
        if connection.is_in_transaction() {
            return Ok(());
        }
        let asked = sqlx::raw_sql("SAVEPOINT marty_events; RELEASE SAVEPOINT marty_events").execute(connection).await;
        asked.map(drop).map_err(|error| {
            // 25P01: no_active_sql_transaction
            if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("25P01")) {
                EventError::NotInTransaction
            } else {
                database_error("ask for the transaction", &self.table, error)
            }
        })
    }
}
