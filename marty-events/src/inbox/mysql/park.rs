//! Writing the rows of events that wait.

use jiff::Timestamp;
use sqlx::MySqlConnection;

use super::{
    super::{
        Delivery, Failure, Identity, InboxStats,
        encoding::{ENCODING, headers_text},
        row::{self, number},
    },
    BEGIN, MySqlInbox,
};

/// An event behind another one has no time of its own: the one before it gives it a time when it leaves. That is safe where the row of one
/// before it is locked until this transaction's end. Where another transaction has it, and may be about to leave, the event has a time.
const FIRST: &str = "
    SELECT id, due_at FROM {parked} FORCE INDEX (key_order)
    WHERE consumer_group = {group} AND topic = ? AND ordering_key = ? AND state <> 'dead' ORDER BY id LIMIT 1";

/// By the same index as the look for due events: who comes by another one is skipped at the row, and keeps the lock of its entry in the
/// index.
const LOCK: &str = "
    SELECT id FROM {parked} FORCE INDEX ({index})
    WHERE consumer_group = {group} AND due_at <=> ? AND id = ? AND state <> 'dead' FOR UPDATE SKIP LOCKED";

const PARK: &str = "
    INSERT INTO {parked} (consumer_group, event_id, topic, ordering_key, record_partition, record_offset, record_key, record_time, headers,
        value, encoding, attempts, reason, state, due_at, died_at, parked_at)
    VALUES ({group}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {now} + ? * 1000, if(?, {now}, NULL), {now})";

const STATS: &str = "
    SELECT count(CASE WHEN state = 'waiting' THEN 1 END),
        count(DISTINCT CASE WHEN state <> 'dead' THEN concat(topic, X'00', ordering_key) END),
        count(CASE WHEN state <> 'waiting' THEN 1 END), min(CASE WHEN state <> 'dead' THEN parked_at END)
    FROM {parked} WHERE consumer_group = {group}";

impl MySqlInbox {
    pub(super) async fn write(
        &self,
        connection: &mut MySqlConnection,
        delivery: &Delivery,
        identity: &Identity,
        failure: Option<&Failure>,
    ) -> Result<(), sqlx::Error> {
        let (state, pause) = match failure {
            None => ("waiting", (!self.has_lock_before(connection, delivery, identity).await?).then_some(0)),
            failed => row::state(failed),
        };
        sqlx::query(self.sql(PARK))
            .bind(identity.event_id.as_bytes())
            .bind(delivery.topic.as_bytes())
            .bind(&identity.key)
            .bind(delivery.partition)
            .bind(delivery.offset)
            .bind(delivery.key.as_deref())
            .bind(delivery.timestamp.map(Timestamp::as_millisecond))
            .bind(headers_text(&delivery.headers))
            .bind(delivery.value.as_deref())
            .bind(ENCODING)
            .bind(failure.map_or(0, |failure| number(failure.attempts)))
            .bind(failure.map(|failure| &*failure.reason))
            .bind(state)
            .bind(pause)
            .bind(state != "waiting")
            .execute(connection)
            .await
            .map(drop)
    }

    /// Locks an event of the key until the transaction's end, where it waits for nobody.
    async fn has_lock_before(
        &self,
        connection: &mut MySqlConnection,
        delivery: &Delivery,
        identity: &Identity,
    ) -> Result<bool, sqlx::Error> {
        let first = sqlx::query_as(self.sql(FIRST)).bind(delivery.topic.as_bytes()).bind(&identity.key);
        let Some((id, due)): Option<(i64, Option<i64>)> = first.fetch_optional(&mut *connection).await? else {
            return Ok(false);
        };
        // Nobody goes through the entries of events that have no time.
        let sql = self.sql(&LOCK.replace("{index}", if due.is_some() { "due" } else { "PRIMARY" }));
        let lock = sqlx::query_scalar::<_, i64>(sql).bind(due).bind(id);
        Ok(lock.fetch_optional(connection).await?.is_some())
    }

    pub(super) async fn counts(&self) -> Result<InboxStats, sqlx::Error> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let counts = sqlx::query_as(self.sql(STATS)).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(row::stats(counts))
    }
}
