use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, Row, SqlStr};
use uuid::Uuid;

use super::{
    super::{
        DeadLetter, OutboxStats, OutboxTable, PendingEvent,
        sql::statement,
        store::{Lease, Page, Store, Tenure, count, database_error, milliseconds},
    },
    rows::{self, DIED_AT, EVENT},
};
use crate::EventError;

/// The outbox in a PostgreSQL database. The database's clock decides about leases.
#[derive(Debug, Clone)]
pub(crate) struct PostgresStore {
    pool: PgPool,
    table: OutboxTable,
    sql: Arc<Statements>,
}

#[derive(Debug)]
struct Statements {
    acquire: SqlStr,
    renew: SqlStr,
    release: SqlStr,
    fetch: SqlStr,
    settle: SqlStr,
    refuse: SqlStr,
    bury: SqlStr,
    pending: SqlStr,
    dead_letters: SqlStr,
    requeue: SqlStr,
    discard: SqlStr,
    cleanup: SqlStr,
    stats: SqlStr,
}

impl Statements {
    fn new(table: &OutboxTable) -> Self {
        let of = |template: &str| statement(&template.replace("{event}", EVENT).replace("{died_at}", DIED_AT), table);
        Self {
            acquire: of("
                UPDATE {lanes} SET owner = $1, term = term + 1,
                    expires_at = clock_timestamp() + $2 * interval '1 millisecond'
                WHERE lane = 0 AND (owner IS NULL OR expires_at < clock_timestamp())
                RETURNING term"),
            renew: of("
                UPDATE {lanes} SET expires_at = clock_timestamp() + $3 * interval '1 millisecond'
                WHERE lane = 0 AND owner = $1 AND term = $2"),
            release: of("UPDATE {lanes} SET owner = NULL WHERE lane = 0 AND owner = $1 AND term = $2"),
            fetch: of("
                SELECT {event} FROM {outbox}
                WHERE seq <> ALL($2) AND (ordering_key IS NULL OR ordering_key <> ALL($3))
                ORDER BY seq LIMIT $1"),
            // The update locks the lane first, so that a take-over either waits for the delete or forestalls it.
            settle: of("
                WITH tenure AS (
                    UPDATE {lanes} SET published = published + cardinality($3::bigint[])
                    WHERE lane = 0 AND owner = $1 AND term = $2 RETURNING 1 AS held
                ), settled AS (
                    DELETE FROM {outbox} WHERE seq = ANY($3) AND EXISTS (SELECT FROM tenure)
                )
                SELECT count(*) FROM tenure"),
            refuse: of("
                WITH tenure AS (
                    SELECT 1 AS held FROM {lanes} WHERE lane = 0 AND owner = $1 AND term = $2 FOR UPDATE
                ), refused AS (
                    UPDATE {outbox} SET attempts = attempts + 1, last_error = $4
                    WHERE seq = $3 AND EXISTS (SELECT FROM tenure)
                )
                SELECT count(*) FROM tenure"),
            bury: of("
                WITH tenure AS (
                    SELECT 1 AS held FROM {lanes} WHERE lane = 0 AND owner = $1 AND term = $2 FOR UPDATE
                ), buried AS (
                    DELETE FROM {outbox} WHERE seq = $3 AND EXISTS (SELECT FROM tenure) RETURNING *
                ), kept AS (
                    INSERT INTO {dead} (event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
                        payload, encoding, created_at, attempts, reason)
                    SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
                        payload, encoding, created_at, attempts + 1, $4 FROM buried
                    ON CONFLICT (event_id) DO UPDATE SET reason = excluded.reason, died_at = clock_timestamp()
                )
                SELECT count(*) FROM tenure"),
            pending: of("SELECT {event} FROM {outbox} ORDER BY seq LIMIT $1"),
            dead_letters: of("SELECT {event}, reason, {died_at} FROM {dead} ORDER BY seq LIMIT $1"),
            requeue: of("
                WITH revived AS (DELETE FROM {dead} WHERE event_id = ANY($1) RETURNING *)
                INSERT INTO {outbox} (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload,
                    encoding, created_at)
                SELECT event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload,
                    encoding, created_at FROM revived ORDER BY seq"),
            discard: of("DELETE FROM {dead} WHERE event_id = ANY($1)"),
            cleanup: of("DELETE FROM {dead} WHERE died_at < clock_timestamp() - $1 * interval '1 millisecond'"),
            stats: of("
                SELECT (SELECT count(*) FROM {outbox}) AS pending,
                    (SELECT (extract(epoch FROM clock_timestamp() - min(created_at)) * 1000)::bigint FROM {outbox})
                        AS oldest_age,
                    (SELECT count(*) FROM {dead}) AS dead,
                    (SELECT coalesce(sum(published), 0)::bigint FROM {lanes}) AS published"),
        }
    }
}

impl PostgresStore {
    pub(crate) fn new(pool: PgPool, table: OutboxTable) -> Self {
        let sql = Arc::new(Statements::new(&table));
        Self { pool, table, sql }
    }

    fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }
}

fn tenure(rows: i64) -> Tenure {
    if rows == 0 { Tenure::Lost } else { Tenure::Held }
}

impl Store for PostgresStore {
    async fn acquire(&self, owner: Uuid, time_to_live: Duration) -> Result<Option<Lease>, EventError> {
        let term = sqlx::query_scalar(self.sql.acquire.clone())
            .bind(owner)
            .bind(milliseconds(time_to_live))
            .fetch_optional(&self.pool)
            .await
            .map_err(self.error("take the lease"))?;
        Ok(term.map(|term| Lease { owner, term }))
    }

    async fn renew(&self, lease: Lease, time_to_live: Duration) -> Result<Tenure, EventError> {
        let done = sqlx::query(self.sql.renew.clone())
            .bind(lease.owner)
            .bind(lease.term)
            .bind(milliseconds(time_to_live))
            .execute(&self.pool)
            .await
            .map_err(self.error("renew the lease"))?;
        Ok(tenure(i64::from(done.rows_affected() > 0)))
    }

    async fn release(&self, lease: Lease) -> Result<(), EventError> {
        sqlx::query(self.sql.release.clone())
            .bind(lease.owner)
            .bind(lease.term)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(self.error("release the lease"))
    }

    async fn fetch(&self, limit: i64, seqs: &[i64], keys: &[String]) -> Result<Page, EventError> {
        let rows = sqlx::query(self.sql.fetch.clone())
            .bind(limit)
            .bind(seqs)
            .bind(keys)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("read the backlog"))?;
        let columns =
            rows.iter().map(rows::columns).collect::<Result<Vec<_>, _>>().map_err(self.error("read a row"))?;
        Ok(Page::of(columns))
    }

    async fn settle(&self, lease: Lease, seqs: &[i64]) -> Result<Tenure, EventError> {
        sqlx::query_scalar(self.sql.settle.clone())
            .bind(lease.owner)
            .bind(lease.term)
            .bind(seqs)
            .fetch_one(&self.pool)
            .await
            .map(tenure)
            .map_err(self.error("settle delivered events"))
    }

    async fn refuse(&self, lease: Lease, seq: i64, reason: &str) -> Result<Tenure, EventError> {
        sqlx::query_scalar(self.sql.refuse.clone())
            .bind(lease.owner)
            .bind(lease.term)
            .bind(seq)
            .bind(reason)
            .fetch_one(&self.pool)
            .await
            .map(tenure)
            .map_err(self.error("note a refusal"))
    }

    async fn bury(&self, lease: Lease, seq: i64, reason: &str) -> Result<Tenure, EventError> {
        sqlx::query_scalar(self.sql.bury.clone())
            .bind(lease.owner)
            .bind(lease.term)
            .bind(seq)
            .bind(reason)
            .fetch_one(&self.pool)
            .await
            .map(tenure)
            .map_err(self.error("move an event to the dead letters"))
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
        let done = sqlx::query(self.sql.requeue.clone())
            .bind(ids)
            .execute(&self.pool)
            .await
            .map_err(self.error("requeue dead letters"))?;
        Ok(done.rows_affected())
    }

    async fn discard(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let done = sqlx::query(self.sql.discard.clone())
            .bind(ids)
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
