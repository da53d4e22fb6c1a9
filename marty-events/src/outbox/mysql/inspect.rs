use std::time::Duration;

use jiff::Timestamp;
use sqlx::{
    MySql, Row, SqlStr,
    mysql::{MySqlArguments, MySqlRow},
    query::Query,
};
use uuid::Uuid;

use super::{
    super::{
        DeadLetter, PendingEvent, RelayStatus,
        filter::{DeadLetterFilter, DeadLetterPlace, FIRST},
        inspect::Inspect,
        queue::{count, milliseconds},
        row::timestamp,
        text_rows::text_lists,
    },
    queue::MySqlStore,
    rows, server,
    statements::statement,
};
use crate::EventError;

/// A [`DeadLetterFilter`], by its seven parameters. The default collations take `a` for `A`, which Kafka does not.
const MATCHES: &str = "
    CAST(topic AS BINARY) = CAST(coalesce(?, topic) AS BINARY)
    AND CAST(event_type AS BINARY) = CAST(coalesce(?, event_type) AS BINARY)
    AND (? IS NULL OR died_at < {now} - ? * 1000)
    AND (? < seq OR seq = ? AND ? < event_id)";

impl MySqlStore {
    fn inspecting(&self, template: &str) -> SqlStr {
        statement(&template.replace("{matches}", MATCHES), &self.table)
    }

    fn filtered<'q>(&self, template: &str, filter: &'q DeadLetterFilter) -> Query<'q, MySql, MySqlArguments> {
        let after = filter.after.unwrap_or(FIRST);
        let age = filter.older_than.map(milliseconds);
        sqlx::query(self.inspecting(template))
            .bind(filter.topic.as_deref())
            .bind(filter.event_type.as_deref())
            .bind(age)
            .bind(age)
            .bind(after.seq)
            .bind(after.seq)
            .bind(after.event_id.to_string())
    }
}

impl Inspect for MySqlStore {
    async fn clock(&self) -> Result<Timestamp, EventError> {
        let operation = "tell the time";
        let now: i64 = sqlx::query_scalar(self.inspecting("SELECT {now}"))
            .fetch_one(&self.pool)
            .await
            .map_err(self.error(operation))?;
        timestamp(now).map_err(|problem| self.error(operation)(sqlx::Error::Decode(problem.into())))
    }

    async fn cautions(&self) -> Result<Vec<&'static str>, EventError> {
        server::cautions(&self.pool).await.map_err(self.error("tell its settings"))
    }

    async fn pending_after(&self, seq: i64, limit: i64) -> Result<Vec<PendingEvent>, EventError> {
        let sql = self.inspecting("SELECT {event} FROM {outbox} WHERE ? < seq ORDER BY seq LIMIT ?");
        let rows = sqlx::query(sql).bind(seq).bind(limit).fetch_all(&self.pool).await;
        rows.map_err(self.error("list the pending events"))?.iter().map(rows::event).collect()
    }

    async fn last_pending(&self) -> Result<Option<i64>, EventError> {
        let last = sqlx::query_scalar(self.inspecting("SELECT max(seq) FROM {outbox}")).fetch_one(&self.pool).await;
        last.map_err(self.error("list the pending events"))
    }

    async fn topics(&self) -> Result<Vec<String>, EventError> {
        let sql = "SELECT topic FROM {outbox} UNION SELECT topic FROM {dead}";
        let topics = sqlx::query_scalar(self.inspecting(sql)).fetch_all(&self.pool).await;
        let mut topics: Vec<String> = topics.map_err(self.error("list the topics"))?;
        topics.sort_unstable();
        Ok(topics)
    }

    async fn find_dead(&self, filter: &DeadLetterFilter, limit: i64) -> Result<Vec<DeadLetter>, EventError> {
        let sql = "SELECT {event}, reason, died_at FROM {dead} WHERE {matches} ORDER BY seq, event_id LIMIT ?";
        let rows = self.filtered(sql, filter).bind(limit).fetch_all(&self.pool).await;
        rows.map_err(self.error("list the dead letters"))?.iter().map(rows::dead_letter).collect()
    }

    async fn locate_dead(&self, filter: &DeadLetterFilter, limit: i64) -> Result<Vec<DeadLetterPlace>, EventError> {
        let operation = "list the dead letters";
        let sql = "SELECT seq, event_id FROM {dead} WHERE {matches} ORDER BY seq, event_id LIMIT ?";
        let rows = self.filtered(sql, filter).bind(limit).fetch_all(&self.pool).await.map_err(self.error(operation))?;
        let place = |row: &MySqlRow| -> Result<_, sqlx::Error> {
            let id = Uuid::parse_str(row.try_get("event_id")?).map_err(|error| sqlx::Error::Decode(error.into()))?;
            Ok(DeadLetterPlace { seq: row.try_get("seq")?, event_id: id })
        };
        rows.iter().map(place).collect::<Result<_, _>>().map_err(self.error(operation))
    }

    async fn count_dead(&self, filter: &DeadLetterFilter) -> Result<u64, EventError> {
        let operation = "count the dead letters";
        let row = self.filtered("SELECT count(*) FROM {dead} WHERE {matches}", filter).fetch_one(&self.pool).await;
        row.and_then(|row| row.try_get(0)).map(count).map_err(self.error(operation))
    }

    async fn count_published(&self, age: Duration) -> Result<u64, EventError> {
        let sql = self.inspecting("SELECT count(*) FROM {published} WHERE published_at < {now} - ? * 1000");
        let number = sqlx::query_scalar(sql).bind(milliseconds(age)).fetch_one(&self.pool).await;
        number.map(count).map_err(self.error("count delivered events"))
    }

    text_lists!();

    async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let operation = "requeue dead letters";
        let mut transaction = self.pool.begin().await.map_err(self.error(operation))?;
        let mut requeued = 0;
        // The lock comes first: two that bring back the same ones must not both copy them.
        for statement in [self.sql.lock_dead(ids), self.sql.requeue(ids), self.sql.delete_requeued(ids)] {
            let done = sqlx::query(statement).persistent(false).execute(&mut *transaction).await;
            requeued = done.map_err(self.error(operation))?.rows_affected();
        }
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(requeued)
    }

    async fn discard(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        self.repair(self.sql.discard(ids), "discard dead letters").await
    }

    async fn redact(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        self.repair(self.sql.redact(ids), "empty dead letters").await
    }
}
