//! Taking events for the group, and forgetting them.

use std::time::Duration;

use sqlx::PgConnection;

use super::{
    super::{Claim, Delivery, Identity, encoding::escaped, row::milliseconds},
    PostgresInbox,
};

/// The insert waits for another transaction with the same row. All of a statement sees the snapshot of its beginning, which is enough: an
/// owner of the key reaches this event only after the commit of the rows before it.
///
/// Here and below, a search for the events of a key asks for a range and for an order that only the index of keys has. A plan that is kept does
/// not know the key. With `=` alone, and statistics by which most parked events are of one key, it expects any key's events everywhere, and
/// walks over the table.
pub(super) const CLAIM: &str = "
    WITH taken AS (
        INSERT INTO {inbox} (consumer_group, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id)
    SELECT (SELECT count(*) FROM taken) = 1, (
        SELECT true FROM {parked} WHERE consumer_group = $1 AND topic = $3 AND ordering_key BETWEEN $4 AND $4 AND state <> 'dead'
        ORDER BY ordering_key, id LIMIT 1) IS TRUE{bound}";

/// The events come in the order of their ids, so that two statements never wait for each other.
pub(super) const CLAIM_ALL: &str = "
    WITH events AS MATERIALIZED (
        SELECT * FROM unnest($2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY
            AS event (event_id, topic, ordering_key, place)),
    taken AS (
        INSERT INTO {inbox} (consumer_group, event_id) SELECT $1, event_id FROM events ORDER BY place
        ON CONFLICT DO NOTHING RETURNING event_id)
    SELECT place, (
        SELECT true FROM {parked} AS parked WHERE parked.consumer_group = $1 AND parked.topic = events.topic
            AND parked.ordering_key BETWEEN events.ordering_key AND events.ordering_key AND parked.state <> 'dead'
        ORDER BY parked.ordering_key, parked.id LIMIT 1) IS TRUE{bound}
    FROM events JOIN taken USING (event_id)";

pub(super) const KNOWN: &str = "SELECT EXISTS (SELECT FROM {inbox} WHERE consumer_group = $1 AND event_id = $2)";

/// Bounds the later statements of the transaction, unless the session has a shorter bound. It goes with the claim, which costs no round trip and
/// may itself wait for longer. As a subquery, it is evaluated once for all rows of a batch.
pub(super) fn bound(longest_call: Duration) -> String {
    format!(
        "(SELECT CASE WHEN current_setting('statement_timeout')::interval = interval '0'
            OR interval '{0} milliseconds' < current_setting('statement_timeout')::interval
            THEN set_config('statement_timeout', '{0}', true) END)",
        milliseconds(longest_call).clamp(1, i64::from(i32::MAX))
    )
}

/// Rows of the inbox are never updated, so a row's place in the table names it for the length of a statement.
pub(super) const FORGET: &str = "
    DELETE FROM {inbox} WHERE ctid = ANY (ARRAY(
        SELECT taken.ctid FROM {inbox} AS taken
        WHERE taken.consumer_group = $1 AND taken.taken_at <= statement_timestamp() - $2 * interval '1 millisecond'
            AND NOT EXISTS (
                SELECT FROM {parked} AS parked
                WHERE parked.consumer_group = taken.consumer_group AND parked.event_id = taken.event_id)
        ORDER BY taken.taken_at LIMIT $3 FOR UPDATE OF taken SKIP LOCKED))";

/// Gives the first event of a key a time where it has none: somebody has deleted the one before it by hand.
pub(super) const REVIVE: &str = "
    UPDATE {parked} SET due_at = statement_timestamp() WHERE state = 'waiting' AND due_at IS NULL AND id IN (
        SELECT min(id) FROM {parked} WHERE consumer_group = $1 AND state <> 'dead' GROUP BY topic, ordering_key)";

impl PostgresInbox {
    pub(super) async fn take(
        &self,
        connection: &mut PgConnection,
        delivery: &Delivery,
        identity: &Identity,
    ) -> Result<Claim, sqlx::Error> {
        let (is_taken, is_behind) = sqlx::query_as(self.sql().claim.clone())
            .bind(&*self.group)
            .bind(escaped(&identity.event_id))
            .bind(&*delivery.topic)
            .bind(&identity.key)
            .fetch_one(connection)
            .await?;
        Ok(match (is_taken, is_behind) {
            (false, _) => Claim::Duplicate,
            (true, false) => Claim::Taken,
            (true, true) => Claim::Behind,
        })
    }

    pub(super) async fn take_all(
        &self,
        connection: &mut PgConnection,
        events: &[(&Delivery, &Identity)],
    ) -> Result<Vec<Claim>, sqlx::Error> {
        let mut sorted: Vec<_> = events
            .iter()
            .enumerate()
            .map(|(place, (delivery, identity))| (escaped(&identity.event_id), place, *delivery, *identity))
            .collect();
        // The place is the second: of several events with an id the first one is taken.
        sorted.sort_unstable_by(|(id, place, ..), (other, other_place, ..)| (id, place).cmp(&(other, other_place)));
        sorted.dedup_by(|(id, ..), (before, ..)| id == before);
        let ids: Vec<&str> = sorted.iter().map(|(id, ..)| &**id).collect();
        let topics: Vec<&str> = sorted.iter().map(|(_, _, delivery, _)| &*delivery.topic).collect();
        let keys: Vec<&[u8]> = sorted.iter().map(|(.., identity)| &*identity.key).collect();
        let rows: Vec<(i64, bool)> = sqlx::query_as(self.sql().claim_all.clone())
            .bind(&*self.group)
            .bind(ids)
            .bind(topics)
            .bind(keys)
            .fetch_all(connection)
            .await?;
        let mut claims = vec![Claim::Duplicate; events.len()];
        for (number, is_behind) in rows {
            // PostgreSQL counts from 1.
            let event = usize::try_from(number - 1).ok().and_then(|number| sorted.get(number));
            if let Some((_, place, ..)) = event {
                claims[*place] = if is_behind { Claim::Behind } else { Claim::Taken };
            }
        }
        Ok(claims)
    }

    pub(super) async fn knows(&self, connection: &mut PgConnection, identity: &Identity) -> Result<bool, sqlx::Error> {
        let known = sqlx::query_scalar(self.sql().known.clone()).bind(&*self.group);
        known.bind(escaped(&identity.event_id)).fetch_one(connection).await
    }

    pub(super) async fn delete_old(&self, age: Duration, limit: u32) -> Result<u64, sqlx::Error> {
        let mut transaction = self.pool.begin_with(super::BEGIN).await?;
        let done = sqlx::query(self.sql().forget.clone())
            .bind(&*self.group)
            .bind(milliseconds(age))
            .bind(i64::from(limit))
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() < u64::from(limit) {
            sqlx::query(self.sql().revive.clone()).bind(&*self.group).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(done.rows_affected())
    }
}
