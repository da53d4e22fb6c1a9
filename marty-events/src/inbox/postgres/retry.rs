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

/// The first event of a key whose time has come. A row of which another transaction has the lock is left out.
pub(super) const DUE: &str = "
    SELECT {columns} FROM {parked} AS waiting WHERE {is_first} AND due_at <= statement_timestamp()
    ORDER BY due_at LIMIT 1 FOR UPDATE OF waiting SKIP LOCKED";

/// The milliseconds until the first event of a key is due.
pub(super) const TIME: &str = "
    SELECT (extract(epoch FROM due_at - statement_timestamp()) * 1000)::bigint FROM {parked} AS waiting WHERE {is_first}
    ORDER BY due_at LIMIT 1";

const IS_FIRST: &str = "waiting.consumer_group = $1 AND waiting.state = 'waiting' AND waiting.due_at IS NOT NULL
    AND waiting.encoding <= $2 AND NOT EXISTS (
        SELECT FROM {parked} AS earlier WHERE earlier.consumer_group = waiting.consumer_group
            AND earlier.topic = waiting.topic AND earlier.ordering_key = waiting.ordering_key
            AND earlier.state <> 'dead' AND earlier.id < waiting.id)";

/// The row was locked by an earlier statement, so this one's snapshot has every event that was parked behind it without a time.
pub(super) const UNPARK: &str = "
    WITH gone AS (
        DELETE FROM {parked} WHERE id = $1 AND consumer_group = $2 RETURNING id, consumer_group, topic, ordering_key),
    promoted AS ({promote})
    SELECT count(*) FROM gone";

pub(super) const LOCK: &str = "SELECT id FROM {parked} WHERE id = $1 AND consumer_group = $2 FOR UPDATE";

/// As [`UNPARK`], for an event that died.
pub(super) const BURY: &str = "
    WITH gone AS (
        UPDATE {parked} SET state = 'dead', attempts = $3, reason = $4, due_at = NULL, died_at = clock_timestamp()
        WHERE id = $1 AND consumer_group = $2 AND state = 'waiting' AND attempts < $3
        RETURNING id, consumer_group, topic, ordering_key),
    promoted AS ({promote})
    SELECT count(*) FROM gone";

/// Gives the next event of the key a time. One behind it may have a time already, from a moment when nobody could lock one before it.
const PROMOTE: &str = "
    UPDATE {parked} AS next SET due_at = clock_timestamp() FROM gone, LATERAL (
        SELECT later.id FROM {parked} AS later
        WHERE later.consumer_group = gone.consumer_group AND later.topic = gone.topic AND later.ordering_key = gone.ordering_key
            AND later.id > gone.id AND later.state <> 'dead'
        ORDER BY later.id LIMIT 1) AS first
    WHERE next.id = first.id AND next.due_at IS NULL AND next.state = 'waiting'";

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
        let due: Option<Columns> = sqlx::query_as(self.sql.next_due.clone())
            .bind(&*self.group)
            .bind(ENCODING)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(mut columns) = due {
            columns.1 = unescaped(columns.1);
            return Ok(Due::Now(Box::new(parked(columns)?)));
        }
        let time = sqlx::query_scalar(self.sql.next_time.clone()).bind(&*self.group).bind(ENCODING);
        Ok(Due::After(time.fetch_optional(connection).await?.map(pause)))
    }

    pub(super) async fn remove(&self, connection: &mut PgConnection, id: i64) -> Result<(), sqlx::Error> {
        let removed = sqlx::query_scalar(self.sql.unpark.clone()).bind(id).bind(&*self.group);
        match removed.fetch_one(connection).await? {
            1_i64 => Ok(()),
            _ => Err(sqlx::Error::RowNotFound),
        }
    }

    pub(super) async fn write_down(&self, id: i64, failure: &Failure) -> Result<bool, sqlx::Error> {
        let (attempts, reason) = (number(failure.attempts), printable(&failure.reason));
        let sql = match failure.fate {
            Fate::Retry(pause) => {
                let retry = sqlx::query(self.sql.retry.clone()).bind(id).bind(&*self.group).bind(attempts);
                let done = retry.bind(reason).bind(milliseconds(pause)).execute(&self.pool).await?;
                return Ok(done.rows_affected() == 1);
            }
            Fate::Hold => {
                let hold = sqlx::query(self.sql.hold.clone()).bind(id).bind(&*self.group).bind(attempts);
                return Ok(hold.bind(reason).execute(&self.pool).await?.rows_affected() == 1);
            }
            Fate::Bury => self.sql.bury.clone(),
        };
        let mut transaction = self.pool.begin_with(super::BEGIN).await?;
        sqlx::query(self.sql.lock.clone()).bind(id).bind(&*self.group).execute(&mut *transaction).await?;
        let bury = sqlx::query_scalar(sql).bind(id).bind(&*self.group).bind(attempts).bind(reason);
        let buried: i64 = bury.fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(buried == 1)
    }
}
