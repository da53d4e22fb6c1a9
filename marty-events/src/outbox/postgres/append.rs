use std::sync::Arc;

use sqlx::{Connection, PgConnection, SqlStr, error::DatabaseError};
use uuid::Uuid;

use super::{
    super::{
        OutboxTable, Quotes,
        encoding::{headers_text, key_hash},
        queue::{database_error, not_kept},
        rights::WRITE,
    },
    listen::{Announcements, channel},
};
use crate::{EventError, event::envelope::Message};

/// A transaction that has announced something cannot be prepared (PostgreSQL, "PREPARE TRANSACTION", Notes). So nothing is announced where
/// the server has room for prepared ones, which it has not unless it is told to.
const ANNOUNCEMENT: &str = "CASE WHEN $9::text IS NOT NULL AND current_setting('max_prepared_transactions') = '0'
            THEN pg_notify($9::text, '')::text END AS announcement";

/// Sequence values are drawn in the order of the arrays, and after the transaction got its id: a select with an order is
/// computed before the identity column of each row.
const INSERT: &str = "
    WITH announced AS MATERIALIZED (SELECT {announcement}){locked}
    INSERT INTO {outbox} (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, xid)
    SELECT event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, pg_current_xact_id()
    FROM announced, {after_locks} unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bytea[])
        WITH ORDINALITY
        AS event (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, place)
    ORDER BY place";

/// The same for one event, which is what most transactions write, in two thirds of the server's time. `OFFSET 0` keeps the planner from
/// joining the inner select with the insert, where the number would be drawn first; what announces is volatile and stays.
const INSERT_ONE: &str = "
    INSERT INTO {outbox} (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, xid)
    SELECT event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, xid
    FROM (SELECT $1::uuid AS event_id, $2::text AS event_type, $3::text AS topic, $4::text AS record_key,
        $5::text AS ordering_key, $6::bigint AS key_hash, $7::text AS headers, $8::bytea AS payload,
        pg_current_xact_id() AS xid, {announcement}
        OFFSET 0) AS event";

/// Waits for every other open transaction that orders its commit by one of the same locks, which are taken in the order of
/// their numbers, so that two statements cannot wait for each other. They are the table's, however its name is written.
const LOCKED: &str = ", locked AS MATERIALIZED (
        SELECT count(pg_advisory_xact_lock('{outbox}'::regclass::oid::integer # $10, bucket)) AS locks
        FROM (SELECT DISTINCT bucket FROM unnest($11::integer[]) AS wanted (bucket) ORDER BY bucket) AS buckets
    )";

/// Keeps the locks apart from the advisory locks of others.
const NAMESPACE: &[u8] = b"marty-events";

/// The number of locks that the ordering keys share: few enough that a transaction with any number of keys leaves room in the
/// server's lock table, which has 64 places a connection by default (PostgreSQL, `max_locks_per_transaction`).
const BUCKETS: i64 = 256;

#[derive(Debug, Clone)]
pub(crate) struct Append {
    table: OutboxTable,
    insert: SqlStr,
    insert_one: SqlStr,
    insert_in_commit_order: SqlStr,
    announcements: Arc<Announcements>,
    channel: Arc<str>,
}

impl Append {
    pub(crate) fn new(table: &OutboxTable) -> Self {
        let statement =
            |template: &str| Quotes::Double.statement(&template.replace("{announcement}", ANNOUNCEMENT), table);
        let insert = |locked: &str, after_locks: &str| {
            statement(&INSERT.replace("{locked}", locked).replace("{after_locks}", after_locks))
        };
        Self {
            table: table.clone(),
            insert: insert("", ""),
            insert_one: statement(INSERT_ONE),
            insert_in_commit_order: insert(LOCKED, "locked,"),
            announcements: Arc::new(Announcements::new()),
            channel: channel(table).into(),
        }
    }

    /// One statement, however many messages.
    pub(crate) async fn append(&self, connection: &mut PgConnection, messages: &[Message]) -> Result<(), EventError> {
        self.require_transaction(connection).await?;
        messages.iter().try_for_each(check)?;
        let buckets = buckets(messages);
        let announced = self.announcements.is_due().then_some(&*self.channel);
        let headers: Vec<String> = messages.iter().map(headers_text).collect();
        let done = match (messages, &headers[..]) {
            ([message], [headers]) if buckets.is_empty() => {
                self.insert_one(connection, message, headers, announced).await
            }
            _ => self.insert_all(connection, messages, &headers, announced, &buckets).await,
        };
        let written = done.map_err(|source| {
            // 40P01: deadlock_detected, 55P03: lock_not_available
            let code = source.as_database_error().and_then(DatabaseError::code);
            if !buckets.is_empty() && matches!(code.as_deref(), Some("40P01" | "55P03")) {
                return EventError::OrderingConflict { source: Box::new(source) };
            }
            database_error(WRITE, &self.table, source)
        })?;
        not_kept(&self.table, written, messages.len())
    }

    async fn insert_one(
        &self,
        connection: &mut PgConnection,
        message: &Message,
        headers: &str,
        announced: Option<&str>,
    ) -> Result<u64, sqlx::Error> {
        sqlx::query(self.insert_one.clone())
            .bind(message.id)
            .bind(&*message.event_type)
            .bind(&message.topic)
            .bind(message.key())
            .bind(message.ordering_key())
            .bind(key_hash(message))
            .bind(headers)
            .bind(message.payload.as_bytes())
            .bind(announced)
            .execute(connection)
            .await
            .map(|done| done.rows_affected())
    }

    async fn insert_all(
        &self,
        connection: &mut PgConnection,
        messages: &[Message],
        headers: &[String],
        announced: Option<&str>,
        buckets: &[i32],
    ) -> Result<u64, sqlx::Error> {
        let ids: Vec<Uuid> = messages.iter().map(|message| message.id).collect();
        let types: Vec<&str> = messages.iter().map(|message| &*message.event_type).collect();
        let topics: Vec<&str> = messages.iter().map(|message| message.topic.as_str()).collect();
        let keys: Vec<Option<&str>> = messages.iter().map(|message| message.key()).collect();
        let ordering: Vec<Option<&str>> = messages.iter().map(|message| message.ordering_key()).collect();
        let hashes: Vec<i64> = messages.iter().map(key_hash).collect();
        let payloads: Vec<&[u8]> = messages.iter().map(|message| message.payload.as_bytes()).collect();
        let sql = if buckets.is_empty() { &self.insert } else { &self.insert_in_commit_order };
        let mut insert = sqlx::query(sql.clone())
            .bind(ids)
            .bind(types)
            .bind(topics)
            .bind(keys)
            .bind(ordering)
            .bind(hashes)
            .bind(headers)
            .bind(payloads)
            .bind(announced);
        if !buckets.is_empty() {
            insert = insert.bind(crc32fast::hash(NAMESPACE).cast_signed()).bind(buckets);
        }
        insert.execute(connection).await.map(|done| done.rows_affected())
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

/// Refuses what no text of PostgreSQL can hold ("Character Types", 8.3), before the refusal would end the transaction.
fn check(message: &Message) -> Result<(), EventError> {
    let has_nul = |text: &str| text.contains('\0');
    if has_nul(&message.event_type) || message.key().is_some_and(has_nul) {
        return Err(EventError::InvalidEvent {
            event_type: message.event_type.clone().into_owned(),
            problem: "its type or id has a NUL character, which PostgreSQL cannot keep; leave that out".to_owned(),
        });
    }
    Ok(())
}

/// The locks of the messages whose order is that of the commits.
fn buckets(messages: &[Message]) -> Vec<i32> {
    let ordered = messages.iter().filter(|message| message.in_commit_order);
    ordered.filter_map(|message| i32::try_from(key_hash(message).rem_euclid(BUCKETS)).ok()).collect()
}
