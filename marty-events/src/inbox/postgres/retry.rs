//! Trying the events of keys that wait.

use sqlx::PgConnection;

use super::{
    super::{
        Due, Failure, Fate,
        encoding::{ENCODING, printable, unescaped},
        row::{COLUMNS, Columns, milliseconds, number, parked, pause},
    },
    PostgresInbox,
};

/// The first event of a key whose time had come when the transaction began: `now()` in its handler is not before the event. A row of which another
/// transaction has the lock is left out.
pub(super) const DUE: &str = "
    SELECT {columns} FROM {parked} AS waiting WHERE {is_first} AND due_at <= now()
    ORDER BY due_at LIMIT 1 FOR UPDATE OF waiting SKIP LOCKED";

/// The milliseconds until the first event of a key is due.
pub(super) const TIME: &str = "
    SELECT (extract(epoch FROM due_at - statement_timestamp()) * 1000)::bigint FROM {parked} AS waiting WHERE {is_first}
    ORDER BY due_at LIMIT 1";

const IS_FIRST: &str = "waiting.consumer_group = $1 AND waiting.state = 'waiting' AND waiting.due_at IS NOT NULL
    AND waiting.encoding <= $2 AND waiting.id = (
        SELECT first.id FROM {parked} AS first WHERE first.consumer_group = $1 AND first.topic = waiting.topic
            AND first.ordering_key BETWEEN waiting.ordering_key AND waiting.ordering_key AND first.state <> 'dead'
        ORDER BY first.ordering_key, first.id LIMIT 1)";

/// The row was locked by an earlier statement, so this one's snapshot has every event that was parked behind it without a time.
pub(super) const UNPARK: &str = "
    WITH gone AS (
        DELETE FROM {parked} WHERE id = $1 AND consumer_group = $2 RETURNING id, topic, ordering_key),
    promoted AS ({promote})
    SELECT count(*) FROM gone";

pub(super) const LOCK: &str = "SELECT id FROM {parked} WHERE id = $1 AND consumer_group = $2 FOR UPDATE";

/// As [`UNPARK`], for an event that died.
pub(super) const BURY: &str = "
    WITH gone AS (
        UPDATE {parked} SET state = 'dead', attempts = $3, reason = $4, due_at = NULL, died_at = clock_timestamp()
        WHERE id = $1 AND consumer_group = $2 AND state = 'waiting' AND attempts < $3
        RETURNING id, topic, ordering_key),
    promoted AS ({promote})
    SELECT count(*) FROM gone";

/// Gives the next event of the key a time. One behind it may have a time already, from a moment when nobody could lock one before it.
const PROMOTE: &str = "
    UPDATE {parked} SET due_at = clock_timestamp() WHERE due_at IS NULL AND state = 'waiting' AND id = (
        SELECT next.id FROM gone, LATERAL (
            SELECT later.id FROM {parked} AS later
            WHERE later.consumer_group = $2 AND later.topic = gone.topic
                AND later.ordering_key BETWEEN gone.ordering_key AND gone.ordering_key
                AND later.id > gone.id AND later.state <> 'dead'
            ORDER BY later.ordering_key, later.id LIMIT 1) AS next)";

pub(super) const HOLD: &str = "
    UPDATE {parked} SET state = 'held', attempts = $3, reason = $4, due_at = NULL, died_at = clock_timestamp()
    WHERE id = $1 AND consumer_group = $2 AND state = 'waiting' AND attempts < $3";

pub(super) const RETRY: &str = "
    UPDATE {parked} SET attempts = $3, reason = $4, due_at = clock_timestamp() + $5 * interval '1 millisecond'
    WHERE id = $1 AND consumer_group = $2 AND state = 'waiting' AND attempts < $3";

pub(super) fn next(template: &str) -> String {
    template.replace("{columns}", COLUMNS).replace("{is_first}", IS_FIRST)
}

pub(super) fn promoting(template: &str) -> String {
    template.replace("{promote}", PROMOTE)
}

impl PostgresInbox {
    pub(super) async fn next(&self, connection: &mut PgConnection) -> Result<Due, sqlx::Error> {
        let due: Option<Columns> = sqlx::query_as(self.sql().next_due.clone())
            .bind(&*self.group)
            .bind(ENCODING)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(mut columns) = due {
            if let Some(bound) = &self.sql().bound {
                sqlx::query(bound.clone()).execute(connection).await?;
            }
            columns.1 = unescaped(columns.1);
            return Ok(Due::Now(Box::new(parked(columns)?)));
        }
        let time = sqlx::query_scalar(self.sql().next_time.clone()).bind(&*self.group).bind(ENCODING);
        Ok(Due::After(time.fetch_optional(connection).await?.map(pause)))
    }

    pub(super) async fn remove(&self, connection: &mut PgConnection, id: i64) -> Result<(), sqlx::Error> {
        let removed = sqlx::query_scalar(self.sql().unpark.clone()).bind(id).bind(&*self.group);
        match removed.fetch_one(connection).await? {
            1_i64 => Ok(()),
            _ => Err(sqlx::Error::RowNotFound),
        }
    }

    pub(super) async fn write_down(&self, id: i64, failure: &Failure) -> Result<bool, sqlx::Error> {
        let (attempts, reason) = (number(failure.attempts), printable(&failure.reason));
        // Also where the session is read-only unless a transaction says otherwise: an event whose failure cannot be written is tried for ever.
        let mut transaction = self.pool.begin_with(super::BEGIN).await?;
        let is_written = match failure.fate {
            Fate::Retry(pause) => {
                let retry = sqlx::query(self.sql().retry.clone()).bind(id).bind(&*self.group).bind(attempts);
                retry.bind(reason).bind(milliseconds(pause)).execute(&mut *transaction).await?.rows_affected() == 1
            }
            Fate::Hold => {
                let hold = sqlx::query(self.sql().hold.clone()).bind(id).bind(&*self.group).bind(attempts);
                hold.bind(reason).execute(&mut *transaction).await?.rows_affected() == 1
            }
            Fate::Bury => {
                sqlx::query(self.sql().lock.clone()).bind(id).bind(&*self.group).execute(&mut *transaction).await?;
                let bury = sqlx::query_scalar(self.sql().bury.clone()).bind(id).bind(&*self.group).bind(attempts);
                let buried: i64 = bury.bind(reason).fetch_one(&mut *transaction).await?;
                buried == 1
            }
        };
        transaction.commit().await?;
        Ok(is_written)
    }
}
