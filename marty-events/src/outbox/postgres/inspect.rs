use std::time::Duration;

use jiff::Timestamp;
use sqlx::{
    Postgres, Row, SqlStr,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{
    super::{
        DeadLetter, PendingEvent, Quotes, RelayStatus,
        filter::{DeadLetterFilter, DeadLetterPlace, FIRST},
        inspect::Inspect,
        queue::{count, milliseconds},
        row::timestamp,
    },
    queue::PostgresStore,
    rows::{self, DIED_AT, EVENT},
};
use crate::EventError;

/// A [`DeadLetterFilter`], by its five parameters.
const MATCHES: &str = "
    topic = coalesce($1, topic) AND event_type = coalesce($2, event_type)
    AND ($3::bigint IS NULL OR died_at < clock_timestamp() - $3 * interval '1 millisecond')
    AND ($4, $5) < (seq, event_id)";

impl PostgresStore {
    fn inspecting(&self, template: &str) -> SqlStr {
        let text = template.replace("{matches}", MATCHES).replace("{event}", EVENT).replace("{died_at}", DIED_AT);
        Quotes::Double.statement(&text, &self.table)
    }

    fn filtered<'q>(&self, template: &str, filter: &'q DeadLetterFilter) -> Query<'q, Postgres, PgArguments> {
        let after = filter.after.unwrap_or(FIRST);
        sqlx::query(self.inspecting(template))
            .bind(filter.topic.as_deref())
            .bind(filter.event_type.as_deref())
            .bind(filter.older_than.map(milliseconds))
            .bind(after.seq)
            .bind(after.event_id)
    }
}

impl Inspect for PostgresStore {
    async fn clock(&self) -> Result<Timestamp, EventError> {
        let operation = "tell the time";
        let now = sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
        let now: i64 = self.row(now).await.and_then(|row| row.try_get(0)).map_err(self.error(operation))?;
        timestamp(now).map_err(|problem| self.error(operation)(sqlx::Error::Decode(problem.into())))
    }

    async fn cautions(&self) -> Result<Vec<&'static str>, EventError> {
        self.weaknesses().await.map_err(self.error("tell its settings"))
    }

    async fn pending_after(&self, seq: i64, limit: i64) -> Result<Vec<PendingEvent>, EventError> {
        let sql = self.inspecting("SELECT {event} FROM {outbox} WHERE $1 < seq ORDER BY seq LIMIT $2");
        let rows = self.rows(sqlx::query(sql).bind(seq).bind(limit)).await;
        rows.map_err(self.error("list the pending events"))?.iter().map(rows::event).collect()
    }

    async fn last_pending(&self) -> Result<Option<i64>, EventError> {
        let last = self.row(sqlx::query(self.inspecting("SELECT max(seq) FROM {outbox}"))).await;
        last.and_then(|row| row.try_get(0)).map_err(self.error("list the pending events"))
    }

    async fn topics(&self) -> Result<Vec<String>, EventError> {
        let sql = self.inspecting("SELECT topic FROM {outbox} UNION SELECT topic FROM {dead} ORDER BY topic");
        let rows = self.rows(sqlx::query(sql)).await.map_err(self.error("list the topics"))?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(self.error("list the topics"))
    }

    async fn find_dead(&self, filter: &DeadLetterFilter, limit: i64) -> Result<Vec<DeadLetter>, EventError> {
        let sql = "SELECT {event}, reason, {died_at} FROM {dead} WHERE {matches} ORDER BY seq, event_id LIMIT $6";
        let rows = self.rows(self.filtered(sql, filter).bind(limit)).await;
        rows.map_err(self.error("list the dead letters"))?.iter().map(rows::dead_letter).collect()
    }

    async fn locate_dead(&self, filter: &DeadLetterFilter, limit: i64) -> Result<Vec<DeadLetterPlace>, EventError> {
        let operation = "list the dead letters";
        let sql = "SELECT seq, event_id FROM {dead} WHERE {matches} ORDER BY seq, event_id LIMIT $6";
        let rows = self.rows(self.filtered(sql, filter).bind(limit)).await.map_err(self.error(operation))?;
        let place = |row: &PgRow| -> Result<_, sqlx::Error> {
            Ok(DeadLetterPlace { seq: row.try_get("seq")?, event_id: row.try_get("event_id")? })
        };
        rows.iter().map(place).collect::<Result<_, _>>().map_err(self.error(operation))
    }

    async fn count_dead(&self, filter: &DeadLetterFilter) -> Result<u64, EventError> {
        let operation = "count the dead letters";
        let row = self.row(self.filtered("SELECT count(*) FROM {dead} WHERE {matches}", filter)).await;
        row.and_then(|row| row.try_get(0)).map(count).map_err(self.error(operation))
    }

    async fn count_published(&self, age: Duration) -> Result<u64, EventError> {
        let sql = self.inspecting(
            "SELECT count(*) FROM {published} WHERE published_at < clock_timestamp() - $1 * interval '1 millisecond'",
        );
        let number = self.row(sqlx::query(sql).bind(milliseconds(age))).await;
        number.and_then(|row| row.try_get(0)).map(count).map_err(self.error("count delivered events"))
    }

    async fn pending(&self, limit: i64) -> Result<Vec<PendingEvent>, EventError> {
        let query = sqlx::query(self.sql.pending.clone()).bind(limit);
        self.rows(query).await.map_err(self.error("list the pending events"))?.iter().map(rows::event).collect()
    }

    async fn dead_letters(&self, (seq, id): (i64, Uuid), limit: i64) -> Result<Vec<DeadLetter>, EventError> {
        let query = sqlx::query(self.sql.dead_letters.clone()).bind(seq).bind(id).bind(limit);
        self.rows(query).await.map_err(self.error("list the dead letters"))?.iter().map(rows::dead_letter).collect()
    }

    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, EventError> {
        let rows = self.rows(sqlx::query(self.sql.dead_letter.clone()).bind(id)).await;
        rows.map_err(self.error("look for a dead letter"))?.first().map(rows::dead_letter).transpose()
    }

    async fn relays(&self) -> Result<Vec<RelayStatus>, EventError> {
        let operation = "list the relays";
        let rows = self.rows(sqlx::query(self.sql.relays.clone())).await.map_err(self.error(operation))?;
        let relays = rows.iter().map(rows::relay).collect::<Result<Vec<_>, _>>();
        Ok(RelayStatus::gather(relays.map_err(self.error(operation))?))
    }

    async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let query = sqlx::query(self.sql.requeue.clone()).bind(ids);
        self.changed(query).await.map_err(self.error("requeue dead letters"))
    }

    async fn discard(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let query = sqlx::query(self.sql.discard.clone()).bind(ids);
        self.changed(query).await.map_err(self.error("discard dead letters"))
    }

    async fn redact(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let query = sqlx::query(self.sql.redact.clone()).bind(ids);
        self.changed(query).await.map_err(self.error("empty dead letters"))
    }
}
