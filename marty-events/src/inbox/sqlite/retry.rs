//! Trying the events of keys that wait.

use sqlx::SqliteConnection;

use super::{
    super::{
        Due, Failure, Fate,
        encoding::ENCODING,
        row::{self, COLUMNS, Columns, number, parked, pause},
    },
    BEGIN, SqliteInbox,
};

/// The first event of a key whose time has come. The transaction has the only write lock.
const DUE: &str =
    "SELECT {columns} FROM {parked} AS waiting WHERE {is_first} AND due_at <= {now} ORDER BY due_at LIMIT 1";

/// The milliseconds until the first event of a key is due.
const TIME: &str = "SELECT (due_at - {now}) / 1000 FROM {parked} AS waiting WHERE {is_first} ORDER BY due_at LIMIT 1";

const IS_FIRST: &str = "waiting.consumer_group = ?1 AND waiting.state = 'waiting' AND waiting.due_at IS NOT NULL
    AND waiting.encoding <= ?2 AND NOT EXISTS (
        SELECT 1 FROM {parked} AS earlier WHERE earlier.consumer_group = waiting.consumer_group
            AND earlier.topic = waiting.topic AND earlier.ordering_key = waiting.ordering_key
            AND earlier.state <> 'dead' AND earlier.id < waiting.id)";

/// Gives the event behind this one a time.
const PROMOTE: &str = "
    UPDATE {parked} SET due_at = {now} WHERE state = 'waiting' AND due_at IS NULL AND id = (
        SELECT later.id FROM {parked} AS gone JOIN {parked} AS later
            ON later.consumer_group = gone.consumer_group AND later.topic = gone.topic
                AND later.ordering_key = gone.ordering_key AND later.id > gone.id AND later.state <> 'dead'
        WHERE gone.id = ?1 AND gone.consumer_group = ?2 ORDER BY later.id LIMIT 1)";

const UNPARK: &str = "DELETE FROM {parked} WHERE id = ?1 AND consumer_group = ?2";

const FAIL: &str = "
    UPDATE {parked} SET state = ?3, attempts = ?4, reason = ?5, due_at = {now} + ?6 * 1000,
        died_at = CASE WHEN ?3 <> 'waiting' THEN {now} END
    WHERE id = ?1 AND consumer_group = ?2 AND state = 'waiting' AND attempts < ?4";

impl SqliteInbox {
    pub(super) async fn next(&self, connection: &mut SqliteConnection) -> Result<Due, sqlx::Error> {
        let sql = |template: &str| self.sql(&template.replace("{columns}", COLUMNS).replace("{is_first}", IS_FIRST));
        let due: Option<Columns> =
            sqlx::query_as(sql(DUE)).bind(&*self.group).bind(ENCODING).fetch_optional(&mut *connection).await?;
        if let Some(columns) = due {
            return Ok(Due::Now(Box::new(parked(columns)?)));
        }
        let time = sqlx::query_scalar(sql(TIME)).bind(&*self.group).bind(ENCODING);
        Ok(Due::After(time.fetch_optional(connection).await?.map(pause)))
    }

    pub(super) async fn remove(&self, connection: &mut SqliteConnection, id: i64) -> Result<(), sqlx::Error> {
        self.promote(connection, id).await?;
        let unpark = sqlx::query(self.sql(UNPARK)).bind(id).bind(&*self.group);
        match unpark.execute(connection).await?.rows_affected() {
            1 => Ok(()),
            _ => Err(sqlx::Error::RowNotFound),
        }
    }

    pub(super) async fn write_down(&self, id: i64, failure: &Failure) -> Result<bool, sqlx::Error> {
        let (state, pause) = row::state(Some(failure));
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let done = sqlx::query(self.sql(FAIL))
            .bind(id)
            .bind(&*self.group)
            .bind(state)
            .bind(number(failure.attempts))
            .bind(&*failure.reason)
            .bind(pause)
            .execute(&mut *transaction)
            .await?;
        let is_written = done.rows_affected() == 1;
        if is_written && failure.fate == Fate::Bury {
            self.promote(&mut transaction, id).await?;
        }
        transaction.commit().await?;
        Ok(is_written)
    }

    async fn promote(&self, connection: &mut SqliteConnection, id: i64) -> Result<(), sqlx::Error> {
        let promote = sqlx::query(self.sql(PROMOTE)).bind(id).bind(&*self.group);
        promote.execute(connection).await.map(drop)
    }
}
