//! Writing the rows of events that wait.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::{
    super::{
        Delivery, Failure, Identity, InboxStats,
        encoding::{ENCODING, headers_text},
        row::{self, number},
    },
    SqliteInbox,
};

/// An event behind another one has no time of its own: the one before it gives it a time when it leaves.
const PARK: &str = "
    INSERT INTO {parked} (consumer_group, event_id, topic, ordering_key, record_partition, record_offset, record_key, record_time, headers,
        value, encoding, attempts, reason, state, due_at, died_at, parked_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
        CASE WHEN ?14 <> 'waiting' THEN NULL WHEN ?15 IS NOT NULL THEN {now} + ?15 * 1000
            WHEN EXISTS (SELECT 1 FROM {parked} WHERE consumer_group = ?1 AND topic = ?3 AND ordering_key = ?4 AND state <> 'dead')
            THEN NULL ELSE {now} END,
        CASE WHEN ?14 <> 'waiting' THEN {now} END, {now})";

const STATS: &str = "
    SELECT count(CASE WHEN state = 'waiting' THEN 1 END),
        count(DISTINCT CASE WHEN state <> 'dead' THEN topic || ' ' || hex(ordering_key) END),
        count(CASE WHEN state <> 'waiting' THEN 1 END), min(CASE WHEN state <> 'dead' THEN parked_at END)
    FROM {parked} WHERE consumer_group = ?1";

impl SqliteInbox {
    pub(super) async fn write(
        &self,
        connection: &mut SqliteConnection,
        delivery: &Delivery,
        identity: &Identity,
        failure: Option<&Failure>,
    ) -> Result<(), sqlx::Error> {
        let (state, pause) = row::state(failure);
        sqlx::query(self.sql(PARK))
            .bind(&*self.group)
            .bind(&*identity.event_id)
            .bind(&*delivery.topic)
            .bind(&*identity.key)
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
            .execute(connection)
            .await
            .map(drop)
    }

    pub(super) async fn counts(&self) -> Result<InboxStats, sqlx::Error> {
        let counts = sqlx::query_as(self.sql(STATS)).bind(&*self.group).fetch_one(&self.pool).await?;
        Ok(row::stats(counts))
    }
}
