//! Writing the rows of events that wait.

use jiff::Timestamp;
use sqlx::PgConnection;

use super::{
    super::{
        Delivery, Failure, Identity, InboxStats,
        encoding::{ENCODING, escaped, headers_text, printable},
        row::{self, number},
    },
    PostgresInbox,
};

/// An event behind another one has no time of its own: the one before it gives it a time when it leaves. That is safe where the row of one
/// before it is locked until this transaction's end. Where another transaction has it, and may be about to leave, the event has a time.
pub(super) const PARK: &str = "
    WITH first AS (
        SELECT id FROM {parked} WHERE consumer_group = $1 AND topic = $3 AND ordering_key BETWEEN $4 AND $4 AND state <> 'dead'
        ORDER BY ordering_key, id LIMIT 1 FOR SHARE SKIP LOCKED)
    INSERT INTO {parked} (consumer_group, event_id, topic, ordering_key, record_partition, record_offset, record_key, record_time, headers,
        value, encoding, attempts, reason, state, due_at, died_at, parked_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
        CASE WHEN $14 <> 'waiting' THEN NULL
            WHEN $15::bigint IS NOT NULL THEN statement_timestamp() + $15 * interval '1 millisecond'
            WHEN EXISTS (SELECT FROM first) THEN NULL ELSE statement_timestamp() END,
        CASE WHEN $14 <> 'waiting' THEN statement_timestamp() END, statement_timestamp()";

pub(super) const STATS: &str = "
    SELECT count(*) FILTER (WHERE state = 'waiting'),
        count(DISTINCT (topic, ordering_key)) FILTER (WHERE state <> 'dead'),
        count(*) FILTER (WHERE state <> 'waiting'),
        (extract(epoch FROM min(parked_at) FILTER (WHERE state <> 'dead')) * 1000000)::bigint,
        (SELECT pg_relation_size(tableoid) FROM {parked} LIMIT 1)
    FROM {parked} WHERE consumer_group = $1";

impl PostgresInbox {
    pub(super) async fn write(
        &self,
        connection: &mut PgConnection,
        delivery: &Delivery,
        identity: &Identity,
        failure: Option<&Failure>,
    ) -> Result<(), sqlx::Error> {
        let (state, pause) = row::state(failure);
        let headers = headers_text(&delivery.headers);
        self.plans.grows_by(headers.len() + delivery.value.as_ref().map_or(0, Vec::len));
        sqlx::query(self.sql().park.clone())
            .bind(&*self.group)
            .bind(escaped(&identity.event_id))
            .bind(&*delivery.topic)
            .bind(&identity.key)
            .bind(delivery.partition)
            .bind(delivery.offset)
            .bind(delivery.key.as_deref())
            .bind(delivery.timestamp.map(Timestamp::as_millisecond))
            .bind(headers)
            .bind(delivery.value.as_deref())
            .bind(ENCODING)
            .bind(failure.map_or(0, |failure| number(failure.attempts)))
            .bind(failure.map(|failure| printable(&failure.reason)))
            .bind(state)
            .bind(pause)
            .execute(connection)
            .await
            .map(drop)
    }

    pub(super) async fn counts(&self) -> Result<InboxStats, sqlx::Error> {
        let counts = sqlx::query_as(self.sql().stats.clone()).bind(&*self.group).fetch_one(&self.pool).await?;
        let (parked, keys, dead, oldest, size): (_, _, _, _, Option<i64>) = counts;
        self.plans.has(row::count(size.unwrap_or(0)));
        Ok(row::stats((parked, keys, dead, oldest)))
    }
}
