use std::{sync::Arc, time::Duration};

use sqlx::{Row, SqlStr, Sqlite, SqlitePool, Transaction};
use uuid::Uuid;

use super::{
    super::{
        DeadLetter, OutboxStats, OutboxTable, PendingEvent,
        sql::statement,
        store::{Lease, Page, Store, Tenure, count, database_error, milliseconds},
    },
    rows::{self, EVENT},
};
use crate::EventError;

/// The outbox in a SQLite database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteStore {
    pool: SqlitePool,
    table: OutboxTable,
    sql: Arc<Statements>,
}

#[derive(Debug)]
struct Statements {
    acquire: SqlStr,
    renew: SqlStr,
    release: SqlStr,
    fetch: SqlStr,
    count_published: SqlStr,
    delete_delivered: SqlStr,
    refuse: SqlStr,
    hold: SqlStr,
    bury: SqlStr,
    delete_buried: SqlStr,
    pending: SqlStr,
    dead_letters: SqlStr,
    requeue: SqlStr,
    discard: SqlStr,
    cleanup: SqlStr,
    stats: SqlStr,
}

/// Microseconds since 1970, by the database's clock.
const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

impl Statements {
    fn new(table: &OutboxTable) -> Self {
        let of = |template: &str| statement(&template.replace("{event}", EVENT).replace("{now}", NOW), table);
        Self {
            acquire: of("
                UPDATE {lanes} SET owner = ?1, term = term + 1, expires_at = {now} + ?2 * 1000
                WHERE lane = 0 AND (owner IS NULL OR expires_at < {now})
                RETURNING term"),
            renew: of("
                UPDATE {lanes} SET expires_at = {now} + ?3 * 1000 WHERE lane = 0 AND owner = ?1 AND term = ?2"),
            release: of("UPDATE {lanes} SET owner = NULL WHERE lane = 0 AND owner = ?1 AND term = ?2"),
            fetch: of("
                SELECT {event} FROM {outbox}
                WHERE seq NOT IN (SELECT value FROM json_each(?2))
                    AND (ordering_key IS NULL OR ordering_key NOT IN (SELECT value FROM json_each(?3)))
                ORDER BY seq LIMIT ?1"),
            count_published: of("UPDATE {lanes} SET published = published + json_array_length(?1) WHERE lane = 0"),
            delete_delivered: of("DELETE FROM {outbox} WHERE seq IN (SELECT value FROM json_each(?1))"),
            refuse: of("UPDATE {outbox} SET attempts = attempts + 1, last_error = ?2 WHERE seq = ?1"),
            hold: of("UPDATE {lanes} SET lane = lane WHERE lane = 0 AND owner = ?1 AND term = ?2"),
            bury: of("
                INSERT INTO {dead} (event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
                    payload, encoding, created_at, attempts, reason)
                SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
                    payload, encoding, created_at, attempts + 1, ?2 FROM {outbox} WHERE seq = ?1
                ON CONFLICT (event_id) DO UPDATE SET reason = excluded.reason, died_at = {now}"),
            // Takes the same parameters as the statement before it.
            delete_buried: of("DELETE FROM {outbox} WHERE seq = ?1 AND ?2 IS NOT NULL"),
            pending: of("SELECT {event} FROM {outbox} ORDER BY seq LIMIT ?1"),
            dead_letters: of("SELECT {event}, reason, died_at FROM {dead} ORDER BY seq LIMIT ?1"),
            requeue: of("
                INSERT INTO {outbox} (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload,
                    encoding, created_at)
                SELECT event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload,
                    encoding, created_at
                FROM {dead} WHERE event_id IN (SELECT value FROM json_each(?1)) ORDER BY seq"),
            discard: of("DELETE FROM {dead} WHERE event_id IN (SELECT value FROM json_each(?1))"),
            cleanup: of("DELETE FROM {dead} WHERE died_at < {now} - ?1 * 1000"),
            stats: of("
                SELECT (SELECT count(*) FROM {outbox}) AS pending,
                    (SELECT ({now} - min(created_at)) / 1000 FROM {outbox}) AS oldest_age,
                    (SELECT count(*) FROM {dead}) AS dead,
                    (SELECT coalesce(sum(published), 0) FROM {lanes}) AS published"),
        }
    }
}

impl SqliteStore {
    pub(crate) fn new(pool: SqlitePool, table: OutboxTable) -> Self {
        let sql = Arc::new(Statements::new(&table));
        Self { pool, table, sql }
    }

    fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }

    /// A transaction under `lease`, or none where another relay has taken over.
    async fn begin_under(
        &self,
        lease: Lease,
        operation: &'static str,
    ) -> Result<Option<Transaction<'static, Sqlite>>, EventError> {
        let mut transaction = self.begin(operation).await?;
        let held = sqlx::query(self.sql.hold.clone())
            .bind(lease.owner.to_string())
            .bind(lease.term)
            .execute(&mut *transaction)
            .await
            .map_err(self.error(operation))?;
        Ok((held.rows_affected() > 0).then_some(transaction))
    }

    /// A transaction that holds the write lock from its beginning: a later upgrade would fail where another writer has
    /// come in between.
    async fn begin(&self, operation: &'static str) -> Result<Transaction<'static, Sqlite>, EventError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(self.error(operation))
    }
}

fn tenure(rows: u64) -> Tenure {
    if rows == 0 { Tenure::Lost } else { Tenure::Held }
}

/// A JSON array, which `json_each` takes apart: SQLite has no array parameters.
fn json<T: serde::Serialize>(values: &[T]) -> Result<String, EventError> {
    serde_json::to_string(values).map_err(|source| EventError::Serialize { field: "parameter".to_owned(), source })
}

fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}

impl Store for SqliteStore {
    async fn acquire(&self, owner: Uuid, time_to_live: Duration) -> Result<Option<Lease>, EventError> {
        let term = sqlx::query_scalar(self.sql.acquire.clone())
            .bind(owner.to_string())
            .bind(milliseconds(time_to_live))
            .fetch_optional(&self.pool)
            .await
            .map_err(self.error("take the lease"))?;
        Ok(term.map(|term| Lease { owner, term }))
    }

    async fn renew(&self, lease: Lease, time_to_live: Duration) -> Result<Tenure, EventError> {
        let done = sqlx::query(self.sql.renew.clone())
            .bind(lease.owner.to_string())
            .bind(lease.term)
            .bind(milliseconds(time_to_live))
            .execute(&self.pool)
            .await
            .map_err(self.error("renew the lease"))?;
        Ok(tenure(done.rows_affected()))
    }

    async fn release(&self, lease: Lease) -> Result<(), EventError> {
        sqlx::query(self.sql.release.clone())
            .bind(lease.owner.to_string())
            .bind(lease.term)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(self.error("release the lease"))
    }

    async fn fetch(&self, limit: i64, seqs: &[i64], keys: &[String]) -> Result<Page, EventError> {
        let rows = sqlx::query(self.sql.fetch.clone())
            .bind(limit)
            .bind(json(seqs)?)
            .bind(json(keys)?)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("read the backlog"))?;
        let columns =
            rows.iter().map(rows::columns).collect::<Result<Vec<_>, _>>().map_err(self.error("read a row"))?;
        Ok(Page::of(columns))
    }

    async fn settle(&self, lease: Lease, seqs: &[i64]) -> Result<Tenure, EventError> {
        let operation = "settle delivered events";
        let Some(mut transaction) = self.begin_under(lease, operation).await? else { return Ok(Tenure::Lost) };
        let seqs = json(seqs)?;
        for statement in [&self.sql.count_published, &self.sql.delete_delivered] {
            sqlx::query(statement.clone())
                .bind(&seqs)
                .execute(&mut *transaction)
                .await
                .map_err(self.error(operation))?;
        }
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(Tenure::Held)
    }

    async fn refuse(&self, lease: Lease, seq: i64, reason: &str) -> Result<Tenure, EventError> {
        let operation = "note a refusal";
        let Some(mut transaction) = self.begin_under(lease, operation).await? else { return Ok(Tenure::Lost) };
        sqlx::query(self.sql.refuse.clone())
            .bind(seq)
            .bind(reason)
            .execute(&mut *transaction)
            .await
            .map_err(self.error(operation))?;
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(Tenure::Held)
    }

    async fn bury(&self, lease: Lease, seq: i64, reason: &str) -> Result<Tenure, EventError> {
        let operation = "move an event to the dead letters";
        let Some(mut transaction) = self.begin_under(lease, operation).await? else { return Ok(Tenure::Lost) };
        for statement in [&self.sql.bury, &self.sql.delete_buried] {
            sqlx::query(statement.clone())
                .bind(seq)
                .bind(reason)
                .execute(&mut *transaction)
                .await
                .map_err(self.error(operation))?;
        }
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(Tenure::Held)
    }

    async fn pending(&self, limit: i64) -> Result<Vec<PendingEvent>, EventError> {
        let rows = sqlx::query(self.sql.pending.clone())
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("list the pending events"))?;
        rows.iter().map(rows::event).collect()
    }

    async fn dead_letters(&self, limit: i64) -> Result<Vec<DeadLetter>, EventError> {
        let rows = sqlx::query(self.sql.dead_letters.clone())
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("list the dead letters"))?;
        rows.iter().map(rows::dead_letter).collect()
    }

    async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let operation = "requeue dead letters";
        let ids = json(&texts(ids))?;
        let mut transaction = self.begin(operation).await?;
        let done = sqlx::query(self.sql.requeue.clone())
            .bind(&ids)
            .execute(&mut *transaction)
            .await
            .map_err(self.error(operation))?;
        sqlx::query(self.sql.discard.clone())
            .bind(&ids)
            .execute(&mut *transaction)
            .await
            .map_err(self.error(operation))?;
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(done.rows_affected())
    }

    async fn discard(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let done = sqlx::query(self.sql.discard.clone())
            .bind(json(&texts(ids))?)
            .execute(&self.pool)
            .await
            .map_err(self.error("discard dead letters"))?;
        Ok(done.rows_affected())
    }

    async fn cleanup(&self, age: Duration) -> Result<u64, EventError> {
        let done = sqlx::query(self.sql.cleanup.clone())
            .bind(milliseconds(age))
            .execute(&self.pool)
            .await
            .map_err(self.error("clean up"))?;
        Ok(done.rows_affected())
    }

    async fn stats(&self) -> Result<OutboxStats, EventError> {
        let error = "count the events";
        let row = sqlx::query(self.sql.stats.clone()).fetch_one(&self.pool).await.map_err(self.error(error))?;
        let number = |column: &str| row.try_get::<i64, _>(column).map_err(self.error(error));
        let oldest: Option<i64> = row.try_get("oldest_age").map_err(self.error(error))?;
        Ok(OutboxStats {
            pending: count(number("pending")?),
            oldest_pending_age: oldest.map(|age| Duration::from_millis(count(age))),
            dead: count(number("dead")?),
            published: count(number("published")?),
        })
    }
}
