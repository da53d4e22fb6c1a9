//! Pages of undelivered rows.

use sqlx::Row;

use super::{
    super::{lanes::Portion, queue::Page},
    position::SqlitePosition,
    queue::{SqliteStore, json},
    rows,
};
use crate::EventError;

const FETCH: &str = "
    SELECT seq, event_id, event_type, topic, record_key, ordering_key, key_hash,
        CASE WHEN {size} <= ?4 THEN headers END AS headers,
        CASE WHEN {size} <= ?4 THEN payload END AS payload,
        encoding, created_at, attempts, {size} AS size
    FROM {outbox}
    WHERE ?1 < seq AND seq <= ?5 AND {lane_of} IN (SELECT value FROM json_each(?2))
    ORDER BY seq LIMIT ?3";

const LOAD: &str = "SELECT {event} FROM {outbox} WHERE seq IN (SELECT value FROM json_each(?1)) ORDER BY seq";

const FIRST_BETWEEN: &str = "SELECT min(seq) FROM {outbox} WHERE ?1 < seq AND seq <= ?2";

const HAS_NEWS: &str = "SELECT EXISTS (SELECT 1 FROM {outbox} WHERE ?1 < seq)";

impl SqliteStore {
    /// The rows behind the position.
    pub(super) async fn read_on(
        &self,
        position: &mut SqlitePosition,
        portion: Portion<'_>,
    ) -> Result<Page, EventError> {
        let page = self.read_range((position.cursor(), i64::MAX), portion).await?;
        position.advance(page.last);
        Ok(page)
    }

    pub(super) async fn read_range(&self, (from, to): (i64, i64), portion: Portion<'_>) -> Result<Page, EventError> {
        let numbers: Vec<i32> = portion.lanes.iter().map(|lane| lane.number).collect();
        let rows = sqlx::query(self.statement(FETCH))
            .bind(from)
            .bind(json(&numbers)?)
            .bind(portion.rows)
            .bind(portion.longest())
            .bind(to)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("read the backlog"))?;
        let last = rows.last().map(|row| row.try_get("seq")).transpose().map_err(self.error("read a row"))?;
        let page = rows::page(&rows, portion.lanes, i64::try_from(rows.len()) == Ok(portion.rows));
        Ok(Page { last, ..page.map_err(self.error("read a row"))? })
    }

    pub(super) async fn read_again(&self, seqs: &[i64]) -> Result<Page, EventError> {
        let rows = sqlx::query(self.statement(LOAD))
            .bind(json(seqs)?)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("read the backlog"))?;
        let columns = rows.iter().map(rows::columns).collect::<Result<Vec<_>, _>>();
        Ok(Page::of(columns.map_err(self.error("read a row"))?, false))
    }

    pub(super) async fn lowest_between(&self, from: i64, to: i64) -> Result<Option<i64>, EventError> {
        let first = sqlx::query_scalar(self.statement(FIRST_BETWEEN)).bind(from).bind(to);
        first.fetch_one(&self.pool).await.map_err(self.error("read the backlog"))
    }

    /// True if there is a row behind the position.
    pub(super) async fn has_news(&self, position: &SqlitePosition) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(self.statement(HAS_NEWS)).bind(position.cursor()).fetch_one(&self.pool).await
    }
}
