use std::time::Duration;

use sqlx::{SqlStr, Sqlite, SqlitePool, Transaction};
use uuid::Uuid;

use super::{
    super::{
        OutboxStats, OutboxTable,
        lanes::{Lane, Portion},
        queue::{Heartbeat, Holding, Page, Queue, Refused, Settled, database_error, milliseconds},
        rows::AnswerRow,
    },
    position::SqlitePosition,
    statements::statement,
};
use crate::{EventError, outbox::RowId};

/// The outbox in a SQLite database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteStore {
    pub(super) pool: SqlitePool,
    pub(super) table: OutboxTable,
}

const VALIDATE: &str = "
    SELECT 1 FROM {outbox}, {dead}, {published}, {relays} AS relays, {lanes} AS lanes
    WHERE relays.mark = lanes.mark AND relays.service IS NULL LIMIT 0";

const CLEANUP: &str = "
    DELETE FROM {dead} WHERE event_id IN
        (SELECT event_id FROM {dead} WHERE died_at <= {now} - ?1 * 1000 LIMIT ?2)";

const FORGET: &str = "
    DELETE FROM {published} WHERE seq IN
        (SELECT seq FROM {published} WHERE published_at <= {now} - ?1 * 1000 ORDER BY published_at LIMIT ?2)";

const STATS: &str = "
    SELECT (SELECT count(*) FROM {outbox}) AS pending,
        (SELECT ({now} - min(created_at)) / 1000 FROM {outbox}) AS oldest_age,
        (SELECT count(*) FROM {dead}) AS dead,
        (SELECT coalesce(sum(published), 0) FROM {lanes})
            + (SELECT coalesce(sum(published), 0) FROM {relays}) AS published";

impl SqliteStore {
    pub(crate) fn new(pool: SqlitePool, table: OutboxTable) -> Self {
        Self { pool, table }
    }

    pub(super) fn statement(&self, template: &str) -> SqlStr {
        statement(template, &self.table)
    }

    async fn delete_old(&self, sql: &str, age: Duration, limit: i64) -> Result<u64, sqlx::Error> {
        let done = sqlx::query(self.statement(sql)).bind(milliseconds(age)).bind(limit).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }

    pub(super) fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }

    /// A transaction that holds the write lock from its beginning: a later upgrade would fail where another writer has
    /// come in between.
    pub(super) async fn begin(&self, operation: &'static str) -> Result<Transaction<'static, Sqlite>, EventError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(self.error(operation))
    }
}

/// Lanes as pairs of number and term.
pub(super) fn pairs(lanes: &[Lane]) -> Vec<(i32, i64)> {
    lanes.iter().map(|lane| (lane.number, lane.term)).collect()
}

/// A JSON array, which `json_each` takes apart: SQLite has no array parameters.
pub(super) fn json<T: serde::Serialize>(values: &[T]) -> Result<String, EventError> {
    serde_json::to_string(values).map_err(|source| EventError::Serialize { field: "parameter".to_owned(), source })
}

pub(super) fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}

impl Queue for SqliteStore {
    type Position = SqlitePosition;

    async fn validate(&self) -> Result<(), EventError> {
        let checked = sqlx::query(self.statement(VALIDATE)).fetch_all(&self.pool).await;
        checked.map_err(self.error("be looked at"))?;
        self.fits().await
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat, look: Option<&SqlitePosition>) -> Result<Holding, EventError> {
        let operation = "renew the leases";
        let mut transaction = self.begin(operation).await?;
        let mut holding = self.hold(&mut transaction, heartbeat).await.map_err(self.error(operation))?;
        transaction.commit().await.map_err(self.error(operation))?;
        if let Some(position) = look {
            // The lanes are held by now, whatever comes of the look: where it fails, the next read says why.
            holding.has_news = self.has_news(position).await.unwrap_or(true);
        }
        Ok(holding)
    }

    async fn release(&self, relay: Uuid, lanes: &[Lane], mark: Option<&str>) -> Result<(), EventError> {
        self.give_back(relay, lanes, mark).await
    }

    async fn leave(&self, relay: Uuid) -> Result<(), EventError> {
        self.go(relay).await
    }

    async fn fetch(&self, position: &mut SqlitePosition, portion: Portion<'_>) -> Result<Page, EventError> {
        self.read_on(position, portion).await
    }

    async fn reread(&self, _: &SqlitePosition, range: (i64, i64), portion: Portion<'_>) -> Result<Page, EventError> {
        self.read_range(range, portion).await
    }

    async fn load(&self, seqs: &[i64]) -> Result<Page, EventError> {
        self.read_again(seqs).await
    }

    async fn first_between(&self, from: i64, to: i64) -> Result<Option<i64>, EventError> {
        self.lowest_between(from, to).await
    }

    async fn settle(&self, relay: Uuid, lanes: &[Lane], rows: &[RowId], keep: bool) -> Result<Settled, EventError> {
        self.settle_rows(relay, lanes, rows, keep).await
    }

    async fn judge(&self, relay: Uuid, lanes: &[Lane], refused: &[Refused]) -> Result<Settled, EventError> {
        self.judge_rows(relay, lanes, refused).await
    }

    async fn cleanup(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(CLEANUP, age, limit).await.map_err(self.error("clean up"))
    }

    async fn forget(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(FORGET, age, limit).await.map_err(self.error("forget delivered events"))
    }

    async fn stats(&self) -> Result<OutboxStats, EventError> {
        let error = "count the events";
        let row = sqlx::query(self.statement(STATS)).fetch_one(&self.pool).await.map_err(self.error(error))?;
        row.stats()
    }
}
