use std::time::Duration;

use sqlx::MySqlPool;
use uuid::Uuid;

use super::{
    super::{
        OutboxStats, OutboxTable,
        lanes::{Lane, Portion},
        queue::{Heartbeat, Holding, LONGEST_TIME, Page, Queue, Refused, Settled, database_error},
        rows::AnswerRow,
    },
    position::MySqlPosition,
    server,
    statements::statement,
    work,
};
use crate::{EventError, outbox::RowId};

/// The outbox in a MySQL or MariaDB database.
#[derive(Debug, Clone)]
pub(crate) struct MySqlStore {
    pub(super) pool: MySqlPool,
    pub(super) table: OutboxTable,
}

/// Asks for every column and every right that a relay needs, and changes nothing.
const VALIDATE: &str = "
    SELECT 1 FROM {outbox}, {dead}, {published}, {relays}, {lanes}, {order_locks} LIMIT 0;
    SELECT mark FROM {lanes} UNION ALL SELECT mark FROM {relays} LIMIT 0; SELECT service FROM {relays} LIMIT 0;
    INSERT INTO {outbox} SELECT * FROM {outbox} WHERE FALSE; DELETE FROM {outbox} WHERE FALSE;
    INSERT INTO {dead} SELECT * FROM {dead} WHERE FALSE; DELETE FROM {dead} WHERE FALSE;
    INSERT INTO {published} SELECT * FROM {published} WHERE FALSE; DELETE FROM {published} WHERE FALSE;
    INSERT INTO {relays} SELECT * FROM {relays} WHERE FALSE; DELETE FROM {relays} WHERE FALSE;
    UPDATE {outbox} SET attempts = 0 WHERE FALSE; UPDATE {dead} SET attempts = 0 WHERE FALSE;
    UPDATE {relays} SET published = 0 WHERE FALSE;
    UPDATE {lanes} SET term = 0 WHERE FALSE;
    SELECT bucket FROM {order_locks} WHERE FALSE FOR UPDATE";

const STATS: &str = "
    SELECT (SELECT count(*) FROM {outbox}) AS pending,
        (SELECT ({now} - min(created_at)) DIV 1000 FROM {outbox}) AS oldest_age,
        (SELECT count(*) FROM {dead}) AS dead,
        (SELECT CAST(coalesce(sum(published), 0) AS SIGNED) FROM {lanes})
            + (SELECT CAST(coalesce(sum(published), 0) AS SIGNED) FROM {relays}) AS published";

/// So many numbers in a list are looked up by the primary key one by one; from 1,000 on MariaDB makes a table of them
/// (`in_predicate_conversion_threshold`).
pub(super) const LONGEST_LIST: usize = 500;

impl MySqlStore {
    pub(crate) fn new(pool: MySqlPool, table: OutboxTable) -> Self {
        Self { pool, table }
    }

    pub(super) fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }

    async fn delete_old(&self, from: &str, age: Duration, limit: i64) -> Result<u64, sqlx::Error> {
        let microseconds = i64::try_from(age.min(LONGEST_TIME).as_micros()).unwrap_or(i64::MAX);
        let sql = format!("DELETE FROM {from} <= {{now}} - {microseconds} LIMIT {limit}");
        work::execute(&self.pool, &self.table, &sql).await
    }
}

impl Queue for MySqlStore {
    type Position = MySqlPosition;

    async fn validate(&self) -> Result<(), EventError> {
        self.fits().await?;
        let checked = work::rows(&self.pool, statement(VALIDATE, &self.table)).await;
        if let Err(error) = checked.map_err(self.error("be looked at")) {
            return Err(self.with_grant(error).await);
        }
        self.has_lanes().await?;
        server::warn(&self.pool).await;
        Ok(())
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat, look: Option<&MySqlPosition>) -> Result<Holding, EventError> {
        let mut holding = self.renew(heartbeat).await.map_err(self.error("renew the leases"))?;
        // The lanes are held by now, whatever comes of the look: where it fails, the next read says why.
        if let Some(position) = look {
            holding.has_news = self.has_news(position).await.unwrap_or(true);
        }
        Ok(holding)
    }

    async fn release(&self, relay: Uuid, lanes: &[Lane], mark: Option<&str>) -> Result<(), EventError> {
        self.give_back(relay, lanes, mark).await.map_err(self.error("give lanes back"))
    }

    async fn leave(&self, relay: Uuid) -> Result<(), EventError> {
        self.go(relay).await.map_err(self.error("give the lanes back"))
    }

    async fn fetch(&self, position: &mut MySqlPosition, portion: Portion<'_>) -> Result<Page, EventError> {
        self.read(position, portion).await.map_err(self.error("read the backlog"))
    }

    async fn reread(
        &self,
        position: &MySqlPosition,
        range: (i64, i64),
        portion: Portion<'_>,
    ) -> Result<Page, EventError> {
        self.read_range(position, range, portion).await.map_err(self.error("read the backlog"))
    }

    async fn load(&self, seqs: &[i64]) -> Result<Page, EventError> {
        self.read_again(seqs).await.map_err(self.error("read the backlog"))
    }

    async fn first_between(&self, from: i64, to: i64) -> Result<Option<i64>, EventError> {
        self.lowest_between(from, to).await.map_err(self.error("read the backlog"))
    }

    async fn settle(&self, relay: Uuid, lanes: &[Lane], rows: &[RowId], keep: bool) -> Result<Settled, EventError> {
        self.settle_rows(relay, lanes, rows, keep).await.map_err(self.error("settle delivered events"))
    }

    async fn judge(&self, relay: Uuid, lanes: &[Lane], refused: &[Refused]) -> Result<Settled, EventError> {
        self.judge_rows(relay, lanes, refused).await.map_err(self.error("write refusals down"))
    }

    async fn cleanup(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old("{dead} WHERE died_at", age, limit).await.map_err(self.error("clean up"))
    }

    async fn forget(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old("{published} WHERE published_at", age, limit)
            .await
            .map_err(self.error("forget delivered events"))
    }

    async fn stats(&self) -> Result<OutboxStats, EventError> {
        let error = "count the events";
        let rows = work::rows(&self.pool, statement(STATS, &self.table)).await.map_err(self.error(error))?;
        rows.first().ok_or(sqlx::Error::RowNotFound).map_err(self.error(error))?.stats()
    }
}
