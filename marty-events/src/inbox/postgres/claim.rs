//! Taking events for the group, and forgetting them.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use sqlx::PgConnection;

use super::{
    super::{Claim, Delivery, Identity, encoding::escaped, row::milliseconds},
    PostgresInbox,
};

/// The insert waits for another transaction with the same row. All of a statement sees the snapshot of its beginning, which is enough: an
/// owner of the key reaches this event only after the commit of the rows before it.
pub(super) const CLAIM: &str = "
    WITH taken AS (
        INSERT INTO {inbox} (consumer_group, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id)
    SELECT (SELECT count(*) FROM taken) = 1, EXISTS (
        SELECT FROM {parked} WHERE consumer_group = $1 AND topic = $3 AND ordering_key = $4 AND state <> 'dead')";

/// The events come in the order of their ids, so that two statements never wait for each other.
pub(super) const CLAIM_ALL: &str = "
    WITH events AS MATERIALIZED (
        SELECT * FROM unnest($2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY
            AS event (event_id, topic, ordering_key, place)),
    taken AS (
        INSERT INTO {inbox} (consumer_group, event_id) SELECT $1, event_id FROM events ORDER BY place
        ON CONFLICT DO NOTHING RETURNING event_id)
    SELECT event_id, EXISTS (
        SELECT FROM {parked} AS parked WHERE parked.consumer_group = $1 AND parked.topic = events.topic
            AND parked.ordering_key = events.ordering_key AND parked.state <> 'dead')
    FROM events JOIN taken USING (event_id)";

/// Rows of the inbox are never updated, so a row's place in the table names it for the length of a statement.
pub(super) const FORGET: &str = "
    DELETE FROM {inbox} WHERE ctid = ANY (ARRAY(
        SELECT taken.ctid FROM {inbox} AS taken
        WHERE taken.consumer_group = $1 AND taken.taken_at < statement_timestamp() - $2 * interval '1 millisecond'
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
        let (is_taken, is_behind) = sqlx::query_as(self.sql.claim.clone())
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
        let mut first = BTreeMap::new();
        for (place, (delivery, identity)) in events.iter().enumerate() {
            first.entry(escaped(&identity.event_id)).or_insert((place, &*delivery.topic, &*identity.key));
        }
        let ids: Vec<&str> = first.keys().map(|id| &**id).collect();
        let (topics, keys): (Vec<&str>, Vec<&[u8]>) = first.values().map(|(_, topic, key)| (*topic, *key)).unzip();
        let rows: Vec<(String, bool)> = sqlx::query_as(self.sql.claim_all.clone())
            .bind(&*self.group)
            .bind(ids)
            .bind(topics)
            .bind(keys)
            .fetch_all(connection)
            .await?;
        let taken: HashMap<String, bool> = rows.into_iter().collect();
        let mut claims = vec![Claim::Duplicate; events.len()];
        for (id, (place, _, _)) in &first {
            match taken.get(&**id) {
                Some(false) => claims[*place] = Claim::Taken,
                Some(true) => claims[*place] = Claim::Behind,
                None => {}
            }
        }
        Ok(claims)
    }

    pub(super) async fn delete_old(&self, age: Duration, limit: u32) -> Result<u64, sqlx::Error> {
        let done = sqlx::query(self.sql.forget.clone())
            .bind(&*self.group)
            .bind(milliseconds(age))
            .bind(i64::from(limit))
            .execute(&self.pool)
            .await?;
        if done.rows_affected() < u64::from(limit) {
            sqlx::query(self.sql.revive.clone()).bind(&*self.group).execute(&self.pool).await?;
        }
        Ok(done.rows_affected())
    }
}
