use std::{sync::Arc, time::Duration};

use sqlx::{Row, SqlStr, Sqlite, SqliteExecutor, SqlitePool, Transaction, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    super::{
        OutboxStats, OutboxTable,
        lanes::Lane,
        queue::{Heartbeat, Holding, Page, Position, Queue, Refused, Settled, database_error, milliseconds},
        rows::AnswerRow,
        wake::Wake,
    },
    rows,
    statements::Statements,
};
use crate::{EventError, outbox::RowId};

/// The outbox in a SQLite database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteStore {
    pub(super) pool: SqlitePool,
    pub(super) table: OutboxTable,
    pub(super) sql: Arc<Statements>,
}

/// The highest number that was read, once a page was: numbers are given in the order of commits, so nothing comes below it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SqlitePosition(Option<i64>);

impl SqlitePosition {
    fn cursor(&self) -> i64 {
        self.0.unwrap_or(i64::MIN)
    }
}

impl Position for SqlitePosition {
    fn resume(_: &[Option<String>]) -> Self {
        Self::default()
    }

    fn mark(&self, _: Option<i64>) -> Option<String> {
        None
    }

    fn low(&self) -> i64 {
        i64::MIN
    }

    fn reached(&self) -> i64 {
        self.cursor()
    }

    fn is_new(&self) -> bool {
        self.0.is_none()
    }
}

impl SqliteStore {
    pub(crate) fn new(pool: SqlitePool, table: OutboxTable) -> Self {
        let sql = Arc::new(Statements::new(&table));
        Self { pool, table, sql }
    }

    fn page<'r>(&self, rows: impl IntoIterator<Item = &'r SqliteRow>, is_full: bool) -> Result<Page, EventError> {
        let columns = rows.into_iter().map(rows::columns).collect::<Result<Vec<_>, _>>();
        Ok(Page::of(columns.map_err(self.error("read a row"))?, is_full))
    }

    async fn read_range(
        &self,
        (from, to): (i64, i64),
        lanes: &[Lane],
        limit: i64,
        bytes: i64,
    ) -> Result<Page, EventError> {
        let numbers: Vec<i32> = lanes.iter().map(|lane| lane.number).collect();
        let rows = sqlx::query(self.sql.fetch.clone())
            .bind(from)
            .bind(json(&numbers)?)
            .bind(limit)
            .bind(bytes / limit.max(1))
            .bind(to)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("read the backlog"))?;
        let last = rows.last().map(|row| row.try_get("seq")).transpose().map_err(self.error("read a row"))?;
        let is_whole =
            |row: &SqliteRow| row.try_get::<Option<&str>, _>("headers").is_ok_and(|headers| headers.is_some());
        let (whole, numbers): (Vec<&SqliteRow>, Vec<&SqliteRow>) = rows.iter().partition(|row| is_whole(row));
        let mut page = self.page(whole, i64::try_from(rows.len()) == Ok(limit))?;
        for row in numbers {
            page.numbers.push(rows::number(row).map_err(self.error("read a row"))?);
        }
        Ok(Page { last, ..page })
    }

    async fn delete_old(&self, sql: &SqlStr, age: Duration, limit: i64) -> Result<u64, sqlx::Error> {
        let done = sqlx::query(sql.clone()).bind(milliseconds(age)).bind(limit).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }

    pub(super) fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }

    /// A transaction under the relay's lanes, or none where another relay has taken one of them over.
    async fn begin_under(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        operation: &'static str,
    ) -> Result<Option<Transaction<'static, Sqlite>>, EventError> {
        let mut transaction = self.begin(operation).await?;
        Ok(self.holds(&mut *transaction, relay, lanes, operation).await?.then_some(transaction))
    }

    /// True if all of these lanes are the relay's.
    async fn holds(
        &self,
        database: impl SqliteExecutor<'_>,
        relay: Uuid,
        lanes: &[Lane],
        operation: &'static str,
    ) -> Result<bool, EventError> {
        let held: i64 = sqlx::query_scalar(self.sql.held.clone())
            .bind(relay.to_string())
            .bind(json(&pairs(lanes))?)
            .fetch_one(database)
            .await
            .map_err(self.error(operation))?;
        Ok(usize::try_from(held) == Ok(lanes.len()))
    }

    /// A transaction that holds the write lock from its beginning: a later upgrade would fail where another writer has
    /// come in between.
    pub(super) async fn begin(&self, operation: &'static str) -> Result<Transaction<'static, Sqlite>, EventError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(self.error(operation))
    }
}

/// Lanes as pairs of number and term.
fn pairs(lanes: &[Lane]) -> Vec<(i32, i64)> {
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
        let checked = sqlx::query(self.sql.validate.clone()).fetch_all(&self.pool).await;
        checked.map_err(self.error("be looked at"))?;
        self.fits().await
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat, look: Option<&SqlitePosition>) -> Result<Holding, EventError> {
        let operation = "renew the leases";
        let mut transaction = self.begin(operation).await?;
        let mut holding = self.hold(&mut transaction, heartbeat).await.map_err(self.error(operation))?;
        transaction.commit().await.map_err(self.error(operation))?;
        if let Some(position) = look {
            let is_behind = sqlx::query_scalar(self.sql.has_news.clone()).bind(position.cursor());
            // The lanes are held by now, whatever comes of the look: where it fails, the next read says why.
            holding.has_news = is_behind.fetch_one(&self.pool).await.unwrap_or(true);
        }
        Ok(holding)
    }

    async fn listen(&self, _: &Wake) -> Result<(), EventError> {
        std::future::pending().await
    }

    async fn release(&self, relay: Uuid, lanes: &[Lane], mark: Option<&str>) -> Result<(), EventError> {
        sqlx::query(self.sql.release.clone())
            .bind(relay.to_string())
            .bind(json(&pairs(lanes))?)
            .bind(mark)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(self.error("give lanes back"))
    }

    async fn leave(&self, relay: Uuid) -> Result<(), EventError> {
        let operation = "give the lanes back";
        let mut transaction = self.begin(operation).await?;
        for statement in [&self.sql.release_all, &self.sql.count_own, &self.sql.unregister] {
            sqlx::query(statement.clone())
                .bind(relay.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(self.error(operation))?;
        }
        transaction.commit().await.map_err(self.error(operation))
    }

    async fn fetch(
        &self,
        position: &mut SqlitePosition,
        lanes: &[Lane],
        limit: i64,
        bytes: i64,
    ) -> Result<Page, EventError> {
        let page = self.read_range((position.cursor(), i64::MAX), lanes, limit, bytes).await?;
        position.0 = page.last.or(Some(position.cursor()));
        Ok(page)
    }

    async fn reread(
        &self,
        _: &SqlitePosition,
        range: (i64, i64),
        lanes: &[Lane],
        limit: i64,
        bytes: i64,
    ) -> Result<Page, EventError> {
        self.read_range(range, lanes, limit, bytes).await
    }

    async fn load(&self, seqs: &[i64]) -> Result<Page, EventError> {
        let rows = sqlx::query(self.sql.load.clone())
            .bind(json(seqs)?)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("read the backlog"))?;
        self.page(&rows, false)
    }

    async fn first_between(&self, from: i64, to: i64) -> Result<Option<i64>, EventError> {
        let first = sqlx::query_scalar(self.sql.first_between.clone()).bind(from).bind(to);
        first.fetch_one(&self.pool).await.map_err(self.error("read the backlog"))
    }

    async fn settle(&self, relay: Uuid, lanes: &[Lane], rows: &[RowId], keep: bool) -> Result<Settled, EventError> {
        let operation = "settle delivered events";
        let (seqs, ids) = RowId::lists(rows.iter().copied());
        let (seqs, ids) = (json(&seqs)?, json(&texts(&ids))?);
        if keep {
            let Some(mut transaction) = self.begin_under(relay, lanes, operation).await? else {
                return Ok(Settled::Lost);
            };
            for statement in [&self.sql.keep_delivered, &self.sql.delete_delivered] {
                let done = sqlx::query(statement.clone()).bind(&seqs).bind(&ids).execute(&mut *transaction).await;
                done.map_err(self.error(operation))?;
            }
            transaction.commit().await.map_err(self.error(operation))?;
            return Ok(Settled::Except(Vec::new()));
        }
        let done = sqlx::query(self.sql.settle.clone())
            .bind(&seqs)
            .bind(&ids)
            .bind(relay.to_string())
            .bind(json(&pairs(lanes))?)
            .execute(&self.pool)
            .await
            .map_err(self.error(operation))?;
        // Rows that were deleted show that the lanes were held. Without one, the rows may have been gone before.
        if done.rows_affected() == 0 && !self.holds(&self.pool, relay, lanes, operation).await? {
            return Ok(Settled::Lost);
        }
        Ok(Settled::Except(Vec::new()))
    }

    async fn judge(&self, relay: Uuid, lanes: &[Lane], refused: &[Refused]) -> Result<Settled, EventError> {
        let operation = "write refusals down";
        let Some(mut transaction) = self.begin_under(relay, lanes, operation).await? else { return Ok(Settled::Lost) };
        for refused in refused {
            let statements: &[&SqlStr] =
                if refused.is_buried { &[&self.sql.bury, &self.sql.delete_buried] } else { &[&self.sql.refuse] };
            for &statement in statements {
                sqlx::query(statement.clone())
                    .bind(refused.row.seq)
                    .bind(refused.row.event_id.to_string())
                    .bind(refused.attempts)
                    .bind(&refused.reason)
                    .execute(&mut *transaction)
                    .await
                    .map_err(self.error(operation))?;
            }
        }
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(Settled::Except(Vec::new()))
    }

    async fn cleanup(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(&self.sql.cleanup, age, limit).await.map_err(self.error("clean up"))
    }

    async fn forget(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(&self.sql.forget, age, limit).await.map_err(self.error("forget delivered events"))
    }

    async fn stats(&self) -> Result<OutboxStats, EventError> {
        let error = "count the events";
        let row = sqlx::query(self.sql.stats.clone()).fetch_one(&self.pool).await.map_err(self.error(error))?;
        row.stats()
    }
}
