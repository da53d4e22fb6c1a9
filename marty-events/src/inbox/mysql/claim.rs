//! Taking events for the group, and forgetting them.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{MySqlConnection, Row};

use super::{
    super::{Claim, Delivery, Identity, row::milliseconds},
    BEGIN, MySqlInbox, hexadecimal,
};

/// The insert waits for another transaction with the same row, and then marks the row of that one: rows without the mark are this
/// transaction's own. The number of changed rows does not tell, since it counts rows that are found, and `INSERT IGNORE` would hide errors.
/// An update locks the row that is found for writing: by two locks for reading, two who wait for a third that is rolled back block each
/// other.
const INSERT: &str =
    "INSERT INTO {inbox} (consumer_group, event_id) VALUES {values} ON DUPLICATE KEY UPDATE is_again = TRUE;";

const ANSWER: &str = "
    SELECT NOT is_again AS is_taken, EXISTS (
        SELECT 1 FROM {parked} FORCE INDEX (key_order)
        WHERE consumer_group = {group} AND topic = {topic} AND ordering_key = {key} AND state <> 'dead') AS is_behind
    FROM {inbox} WHERE consumer_group = {group} AND event_id = {id};";

const KNOWN: &str = "SELECT count(*) FROM {inbox} WHERE consumer_group = {group} AND event_id = ?";

const OLD: &str = "
    SELECT taken.event_id FROM {inbox} AS taken FORCE INDEX (taken_at)
    WHERE taken.consumer_group = {group} AND taken.taken_at <= {now} - ? * 1000 AND NOT EXISTS (
        SELECT 1 FROM {parked} AS parked WHERE parked.consumer_group = taken.consumer_group AND parked.event_id = taken.event_id)
    ORDER BY taken.taken_at LIMIT ?";

/// Without the index, the server scans a small table, and locks every row that it meets.
const FORGET: &str = "DELETE taken FROM {inbox} AS taken FORCE INDEX (PRIMARY) WHERE taken.consumer_group = {group} AND taken.event_id IN ({ids})";

/// The first events of keys that have no time: somebody has deleted the ones before them by hand.
const TIMELESS: &str = "
    SELECT parked.id FROM {parked} AS parked JOIN (
        SELECT min(id) AS id FROM {parked} WHERE consumer_group = {group} AND state <> 'dead' GROUP BY topic, ordering_key) AS first
        ON first.id = parked.id
    WHERE parked.state = 'waiting' AND parked.due_at IS NULL ORDER BY parked.id";

const REVIVE: &str = "UPDATE {parked} SET due_at = {now} WHERE id = ? AND state = 'waiting' AND due_at IS NULL";

/// So many ids in a list are looked up one by one; from 1,000 on MariaDB makes a table of them (`in_predicate_conversion_threshold`).
const LONGEST_LIST: usize = 500;

impl MySqlInbox {
    pub(super) async fn take(
        &self,
        connection: &mut MySqlConnection,
        delivery: &Delivery,
        identity: &Identity,
    ) -> Result<Claim, sqlx::Error> {
        let claims = self.take_all(connection, &[(delivery, identity)]).await?;
        claims.first().copied().ok_or(sqlx::Error::RowNotFound)
    }

    pub(super) async fn take_all(
        &self,
        connection: &mut MySqlConnection,
        events: &[(&Delivery, &Identity)],
    ) -> Result<Vec<Claim>, sqlx::Error> {
        // In the order of their ids, so that two transactions do not wait for each other; a second one of an id is a duplicate.
        let mut first = BTreeMap::new();
        for (place, (delivery, identity)) in events.iter().enumerate() {
            first.entry(&*identity.event_id).or_insert((place, delivery, identity));
        }
        if first.is_empty() {
            return Ok(Vec::new());
        }
        let values: Vec<String> =
            first.keys().map(|id| format!("({{group}}, {})", hexadecimal(id.as_bytes()))).collect();
        let mut text = INSERT.replace("{values}", &values.join(", "));
        for (_, delivery, identity) in first.values() {
            let answer = ANSWER
                .replace("{topic}", &hexadecimal(delivery.topic.as_bytes()))
                .replace("{key}", &hexadecimal(&identity.key))
                .replace("{id}", &hexadecimal(identity.event_id.as_bytes()));
            text.push_str(&answer);
        }
        let rows = sqlx::raw_sql(self.sql(&text)).fetch_all(connection).await?;
        let mut claims = vec![Claim::Duplicate; events.len()];
        if rows.len() != first.len() {
            return Err(sqlx::Error::RowNotFound);
        }
        for (row, (place, _, _)) in rows.iter().zip(first.values()) {
            let (is_taken, is_behind): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            claims[*place] = match (is_taken, is_behind) {
                (0, _) => Claim::Duplicate,
                (_, 0) => Claim::Taken,
                _ => Claim::Behind,
            };
        }
        Ok(claims)
    }

    pub(super) async fn knows(
        &self,
        connection: &mut MySqlConnection,
        identity: &Identity,
    ) -> Result<bool, sqlx::Error> {
        let known = sqlx::query_scalar::<_, i64>(self.sql(KNOWN)).bind(identity.event_id.as_bytes());
        Ok(known.fetch_one(connection).await? == 1)
    }

    pub(super) async fn delete_old(&self, age: Duration, limit: u32) -> Result<u64, sqlx::Error> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let old = sqlx::query_scalar(self.sql(OLD)).bind(milliseconds(age)).bind(limit);
        let mut old: Vec<Vec<u8>> = old.fetch_all(&mut *transaction).await?;
        old.sort_unstable();
        let mut done = 0;
        for ids in old.chunks(LONGEST_LIST) {
            let list: Vec<String> = ids.iter().map(|id| hexadecimal(id)).collect();
            let sql = self.sql(&FORGET.replace("{ids}", &list.join(", ")));
            done += sqlx::raw_sql(sql).execute(&mut *transaction).await?.rows_affected();
        }
        if old.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
            let timeless: Vec<i64> = sqlx::query_scalar(self.sql(TIMELESS)).fetch_all(&mut *transaction).await?;
            for id in timeless {
                sqlx::query(self.sql(REVIVE)).bind(id).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(done)
    }
}
