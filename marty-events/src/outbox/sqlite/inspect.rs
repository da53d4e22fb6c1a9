use std::time::Duration;

use jiff::Timestamp;
use sqlx::{
    Row, SqlStr, Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use uuid::Uuid;

use super::{
    super::{
        DeadLetter, PendingEvent, Quotes, RelayStatus,
        filter::{DeadLetterFilter, DeadLetterPlace, FIRST},
        inspect::Inspect,
        queue::{count, milliseconds},
        row::timestamp,
        text_rows::{EVENT, text_lists},
    },
    queue::{SqliteStore, json, texts},
    rows,
    statements::NOW,
};
use crate::EventError;

/// A [`DeadLetterFilter`], by its five parameters.
const MATCHES: &str = "
    topic = coalesce(?1, topic) AND event_type = coalesce(?2, event_type)
    AND (?3 IS NULL OR died_at < {now} - ?3 * 1000)
    AND (?4, ?5) < (seq, event_id)";

impl SqliteStore {
    pub(super) fn inspecting(&self, template: &str) -> SqlStr {
        let text = template.replace("{matches}", MATCHES).replace("{event}", EVENT).replace("{now}", NOW);
        Quotes::Double.statement(&text, &self.table)
    }

    fn filtered<'q>(&self, template: &str, filter: &'q DeadLetterFilter) -> Query<'q, Sqlite, SqliteArguments> {
        let after = filter.after.unwrap_or(FIRST);
        sqlx::query(self.inspecting(template))
            .bind(filter.topic.as_deref())
            .bind(filter.event_type.as_deref())
            .bind(filter.older_than.map(milliseconds))
            .bind(after.seq)
            .bind(after.event_id.to_string())
    }
}

impl Inspect for SqliteStore {
    async fn clock(&self) -> Result<Timestamp, EventError> {
        let operation = "tell the time";
        let now: i64 = sqlx::query_scalar(self.inspecting("SELECT {now}"))
            .fetch_one(&self.pool)
            .await
            .map_err(self.error(operation))?;
        timestamp(now).map_err(|problem| self.error(operation)(sqlx::Error::Decode(problem.into())))
    }

    async fn cautions(&self) -> Result<Vec<&'static str>, EventError> {
        self.weaknesses().await.map_err(self.error("tell its settings"))
    }

    async fn pending_after(&self, seq: i64, limit: i64) -> Result<Vec<PendingEvent>, EventError> {
        let sql = self.inspecting("SELECT {event} FROM {outbox} WHERE ?1 < seq ORDER BY seq LIMIT ?2");
        let rows = sqlx::query(sql).bind(seq).bind(limit).fetch_all(&self.pool).await;
        rows.map_err(self.error("list the pending events"))?.iter().map(rows::event).collect()
    }

    async fn last_pending(&self) -> Result<Option<i64>, EventError> {
        let last = sqlx::query_scalar(self.inspecting("SELECT max(seq) FROM {outbox}")).fetch_one(&self.pool).await;
        last.map_err(self.error("list the pending events"))
    }

    async fn topics(&self) -> Result<Vec<String>, EventError> {
        let sql = self.inspecting("SELECT topic FROM {outbox} UNION SELECT topic FROM {dead} ORDER BY topic");
        sqlx::query_scalar(sql).fetch_all(&self.pool).await.map_err(self.error("list the topics"))
    }

    async fn find_dead(&self, filter: &DeadLetterFilter, limit: i64) -> Result<Vec<DeadLetter>, EventError> {
        let sql = "SELECT {event}, reason, died_at FROM {dead} WHERE {matches} ORDER BY seq, event_id LIMIT ?6";
        let rows = self.filtered(sql, filter).bind(limit).fetch_all(&self.pool).await;
        rows.map_err(self.error("list the dead letters"))?.iter().map(rows::dead_letter).collect()
    }

    async fn locate_dead(&self, filter: &DeadLetterFilter, limit: i64) -> Result<Vec<DeadLetterPlace>, EventError> {
        let operation = "list the dead letters";
        let sql = "SELECT seq, event_id FROM {dead} WHERE {matches} ORDER BY seq, event_id LIMIT ?6";
        let rows = self.filtered(sql, filter).bind(limit).fetch_all(&self.pool).await.map_err(self.error(operation))?;
        let place = |row: &SqliteRow| -> Result<_, sqlx::Error> {
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
        let sql = self.inspecting("SELECT count(*) FROM {published} WHERE published_at < {now} - ?1 * 1000");
        let number = sqlx::query_scalar(sql).bind(milliseconds(age)).fetch_one(&self.pool).await;
        number.map(count).map_err(self.error("count delivered events"))
    }

    text_lists!();

    async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let operation = "requeue dead letters";
        let ids = json(&texts(ids))?;
        let mut transaction = self.begin(operation).await?;
        let done = sqlx::query(self.sql.requeue.clone())
            .bind(&ids)
            .execute(&mut *transaction)
            .await
            .map_err(self.error(operation))?;
        sqlx::query(self.sql.delete_requeued.clone())
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

    async fn redact(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let done = sqlx::query(self.sql.redact.clone())
            .bind(json(&texts(ids))?)
            .execute(&self.pool)
            .await
            .map_err(self.error("empty dead letters"))?;
        Ok(done.rows_affected())
    }
}
