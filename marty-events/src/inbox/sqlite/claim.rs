//! Taking events for the group, and forgetting them.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::{
    super::{Claim, Delivery, Identity, row::milliseconds},
    SqliteInbox,
};

const INSERT: &str = "INSERT INTO {inbox} (consumer_group, event_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

const BEHIND: &str = "
    SELECT EXISTS (SELECT 1 FROM {parked} WHERE consumer_group = ?1 AND topic = ?2 AND ordering_key = ?3 AND state <> 'dead')";

const KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM {inbox} WHERE consumer_group = ?1 AND event_id = ?2)";

const FORGET: &str = "
    DELETE FROM {inbox} WHERE consumer_group = ?1 AND event_id IN (
        SELECT taken.event_id FROM {inbox} AS taken
        WHERE taken.consumer_group = ?1 AND taken.taken_at <= {now} - ?2 * 1000 AND NOT EXISTS (
            SELECT 1 FROM {parked} AS parked
            WHERE parked.consumer_group = taken.consumer_group AND parked.event_id = taken.event_id)
        ORDER BY taken.taken_at LIMIT ?3)";

/// Gives the first event of a key a time where it has none: somebody has deleted the one before it by hand.
const REVIVE: &str = "
    UPDATE {parked} SET due_at = {now} WHERE state = 'waiting' AND due_at IS NULL AND id IN (
        SELECT min(id) FROM {parked} WHERE consumer_group = ?1 AND state <> 'dead' GROUP BY topic, ordering_key)";

impl SqliteInbox {
    /// Two statements: there is no way to the database that would take time.
    pub(super) async fn take(
        &self,
        connection: &mut SqliteConnection,
        delivery: &Delivery,
        identity: &Identity,
    ) -> Result<Claim, sqlx::Error> {
        let insert = sqlx::query(self.sql(INSERT)).bind(&*self.group).bind(&*identity.event_id);
        if insert.execute(&mut *connection).await?.rows_affected() == 0 {
            return Ok(Claim::Duplicate);
        }
        let behind = sqlx::query_scalar(self.sql(BEHIND)).bind(&*self.group).bind(&*delivery.topic);
        let is_behind = behind.bind(&*identity.key).fetch_one(connection).await?;
        Ok(if is_behind { Claim::Behind } else { Claim::Taken })
    }

    pub(super) async fn take_all(
        &self,
        connection: &mut SqliteConnection,
        events: &[(&Delivery, &Identity)],
    ) -> Result<Vec<Claim>, sqlx::Error> {
        let mut claims = Vec::with_capacity(events.len());
        for (delivery, identity) in events {
            claims.push(self.take(connection, delivery, identity).await?);
        }
        Ok(claims)
    }

    pub(super) async fn knows(
        &self,
        connection: &mut SqliteConnection,
        identity: &Identity,
    ) -> Result<bool, sqlx::Error> {
        let known = sqlx::query_scalar(self.sql(KNOWN)).bind(&*self.group);
        known.bind(&*identity.event_id).fetch_one(connection).await
    }

    pub(super) async fn delete_old(&self, age: Duration, limit: u32) -> Result<u64, sqlx::Error> {
        let forget = sqlx::query(self.sql(FORGET)).bind(&*self.group).bind(milliseconds(age)).bind(limit);
        let done = forget.execute(&self.pool).await?.rows_affected();
        if done < u64::from(limit) {
            sqlx::query(self.sql(REVIVE)).bind(&*self.group).execute(&self.pool).await?;
        }
        Ok(done)
    }
}
