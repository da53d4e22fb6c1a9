//! Trying the events of keys that wait.

use sqlx::{MySqlConnection, Row};

use super::{
    super::{
        Due, Failure, Fate,
        encoding::ENCODING,
        row::{self, Columns, number, parked, pause},
    },
    BEGIN, MySqlInbox,
};

const COLUMNS: &str =
    "id, CONVERT(event_id USING utf8mb4), CONVERT(topic USING utf8mb4), ordering_key, record_partition, record_offset,
    record_key, record_time, headers, value, attempts";

/// The first event of a key whose time has come. A row of which another transaction has the lock is left out.
const DUE: &str = "
    SELECT {columns} FROM {parked} AS waiting FORCE INDEX (due) WHERE {is_first} AND due_at <= {now}
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED";

/// The milliseconds until the first event of a key is due.
const TIME: &str = "
    SELECT (due_at - {now}) DIV 1000 FROM {parked} AS waiting FORCE INDEX (due) WHERE {is_first} ORDER BY due_at LIMIT 1";

/// The first event of the key, at which the server stops reading: a comparison of the numbers would go through all of the key.
const IS_FIRST: &str = "waiting.consumer_group = {group} AND waiting.state = 'waiting' AND waiting.due_at IS NOT NULL
    AND waiting.encoding <= ? AND waiting.id = (
        SELECT first.id FROM {parked} AS first FORCE INDEX (key_order) WHERE first.consumer_group = waiting.consumer_group
            AND first.topic = waiting.topic AND first.ordering_key = waiting.ordering_key AND first.state <> 'dead'
        ORDER BY first.consumer_group, first.topic, first.ordering_key, first.id LIMIT 1)";

/// The row is locked by an earlier statement, so the next event is found among all that were parked behind it without a time. In a `SET`, the
/// server would lock the rows that it reads, and wait for events that are being parked.
const NEXT: &str = "
    SET @marty_events_group = NULL, @marty_events_topic = NULL, @marty_events_key = NULL, @marty_events_next = NULL;
    SELECT consumer_group, topic, ordering_key INTO @marty_events_group, @marty_events_topic, @marty_events_key
        FROM {parked} WHERE id = {id} AND consumer_group = {group};
    SELECT id INTO @marty_events_next FROM {parked} FORCE INDEX (key_order)
        WHERE consumer_group = @marty_events_group AND topic = @marty_events_topic AND ordering_key = @marty_events_key
            AND {id} < id AND state <> 'dead' ORDER BY id LIMIT 1;";

/// Gives the next event of the key a time.
const PROMOTE: &str = "
    UPDATE {parked} SET due_at = {now} WHERE id = @marty_events_next AND state = 'waiting' AND due_at IS NULL;";

const UNPARK: &str = "DELETE FROM {parked} WHERE id = {id} AND consumer_group = {group}; SELECT row_count() AS gone;";

const LOCK: &str =
    "SELECT id FROM {parked} WHERE id = {id} AND consumer_group = {group} AND state = 'waiting' FOR UPDATE";

const FAIL: &str = "
    UPDATE {parked} SET state = ?, attempts = ?, reason = ?, due_at = {now} + ? * 1000, died_at = if(?, {now}, NULL)
    WHERE id = ? AND consumer_group = {group} AND state = 'waiting' AND attempts < ?";

impl MySqlInbox {
    pub(super) async fn next(&self, connection: &mut MySqlConnection) -> Result<Due, sqlx::Error> {
        let sql = |template: &str| self.sql(&template.replace("{columns}", COLUMNS).replace("{is_first}", IS_FIRST));
        let due: Option<Columns> = sqlx::query_as(sql(DUE)).bind(ENCODING).fetch_optional(&mut *connection).await?;
        if let Some(columns) = due {
            return Ok(Due::Now(Box::new(parked(columns)?)));
        }
        let time = sqlx::query_scalar(sql(TIME)).bind(ENCODING).fetch_optional(connection).await?;
        Ok(Due::After(time.map(pause)))
    }

    pub(super) async fn remove(&self, connection: &mut MySqlConnection, id: i64) -> Result<(), sqlx::Error> {
        let text = format!("{NEXT} {UNPARK} {PROMOTE}").replace("{id}", &id.to_string());
        let rows = sqlx::raw_sql(self.sql(&text)).fetch_all(connection).await?;
        match rows.first().map(|row| row.try_get(0)).transpose()? {
            Some(1_i64) => Ok(()),
            _ => Err(sqlx::Error::RowNotFound),
        }
    }

    pub(super) async fn write_down(&self, id: i64, failure: &Failure) -> Result<bool, sqlx::Error> {
        let (state, pause) = row::state(Some(failure));
        let attempts = number(failure.attempts);
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let lock = self.sql(&LOCK.replace("{id}", &id.to_string()));
        sqlx::raw_sql(lock).execute(&mut *transaction).await?;
        let done = sqlx::query(self.sql(FAIL))
            .bind(state)
            .bind(attempts)
            .bind(&*failure.reason)
            .bind(pause)
            .bind(state != "waiting")
            .bind(id)
            .bind(attempts)
            .execute(&mut *transaction)
            .await?;
        let is_written = done.rows_affected() == 1;
        if is_written && failure.fate == Fate::Bury {
            let text = format!("{NEXT} {PROMOTE}").replace("{id}", &id.to_string());
            sqlx::raw_sql(self.sql(&text)).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(is_written)
    }
}
