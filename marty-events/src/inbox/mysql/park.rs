//! Writing the rows of events that wait.

use jiff::Timestamp;
use sqlx::MySqlConnection;

use super::{
    super::{
        Delivery, Failure, Fate, Identity, InboxStats,
        encoding::{ENCODING, headers_text},
        row::{count, milliseconds, number},
    },
    BEGIN, MySqlInbox,
};

/// An event behind another one has no time of its own: the one before it gives it a time when it leaves. That is safe where the row of one
/// before it is locked until this transaction's end. Where another transaction has it, and may be about to leave, the event has a time.
const FIRST: &str = "
    SELECT id FROM {parked} FORCE INDEX (key_order)
    WHERE consumer_group = {group} AND topic = ? AND ordering_key = ? AND state <> 'dead'
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";

const PARK: &str = "
    INSERT INTO {parked} (consumer_group, event_id, topic, ordering_key, record_partition, record_offset, record_key, record_time, headers,
        value, encoding, attempts, reason, state, due_at, died_at, parked_at)
    VALUES ({group}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {now} + ? * 1000, if(?, {now}, NULL), {now})";

const STATS: &str = "
    SELECT count(CASE WHEN state = 'waiting' THEN 1 END),
        count(DISTINCT CASE WHEN state <> 'dead' THEN concat(topic, X'00', ordering_key) END),
        count(CASE WHEN state <> 'waiting' THEN 1 END), min(CASE WHEN state = 'waiting' THEN parked_at END)
    FROM {parked} WHERE consumer_group = {group}";

impl MySqlInbox {
    pub(super) async fn write(
        &self,
        connection: &mut MySqlConnection,
        delivery: &Delivery,
        identity: &Identity,
        failure: Option<&Failure>,
    ) -> Result<(), sqlx::Error> {
        let (state, pause) = match failure.map(|failure| failure.fate) {
            None => {
                let first = sqlx::query_scalar::<_, i64>(self.sql(FIRST));
                let first = first.bind(delivery.topic.as_bytes()).bind(&identity.key);
                ("waiting", first.fetch_optional(&mut *connection).await?.is_none().then_some(0))
            }
            Some(Fate::Retry(pause)) => ("waiting", Some(milliseconds(pause))),
            Some(Fate::Bury) => ("dead", None),
            Some(Fate::Hold) => ("held", None),
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

    pub(super) async fn counts(&self) -> Result<InboxStats, sqlx::Error> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let counts = sqlx::query_as(self.sql(STATS)).fetch_one(&mut *transaction).await?;
        let (parked, keys, dead, oldest): (i64, i64, i64, Option<i64>) = counts;
        transaction.commit().await?;
        Ok(InboxStats {
            parked: count(parked),
            parked_keys: count(keys),
            dead_letters: count(dead),
            oldest_parked: oldest.and_then(|time| Timestamp::from_microsecond(time).ok()),
        })
    }
}
