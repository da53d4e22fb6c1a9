//! The people's half of a database: the questions of operators, which no relay asks. Each is one text for every database.

use std::{future::Future, slice, time::Duration};

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    DeadLetter, DeadLetterQuery, PendingEvent, RelayStatus,
    query::FIRST,
    queue::milliseconds,
    row::{count, timestamp},
    rows::{AnswerRow, read_error},
};
use crate::EventError;

/// A parameter of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Number(Option<i64>),
    Text(Option<&'a str>),
    Id(Uuid),
}

/// A [`DeadLetterQuery`], by its six parameters.
const MATCHES: &str = "
    coalesce(died_at <= {ago}, TRUE) AND {topic} = coalesce($2, {topic}) AND {event_type} = coalesce($3, {event_type})
    AND {reason} = coalesce($4, {reason}) AND ($5, $6) < (seq, event_id)";

/// The time for which a silent relay is listed.
const HOUR: Duration = Duration::from_hours(1);

/// The columns that a requeued event keeps.
pub(crate) const REVIVED: &str =
    "event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at";

/// A look into the outbox in one database.
///
/// A statement names each parameter once, and in their order, since MySQL's have no numbers. The databases write the rest
/// in its place:
///
/// | in a statement | means |
/// |---|---|
/// | `{event}`, `{death}`, `{started_at}` | the columns of an event, those that a dead letter has besides, the start of a relay |
/// | `{now}`, `{clock}` | the database's clock as its tables have times, and in microseconds since 1970 |
/// | `{ago}` | the time `$1` milliseconds ago |
/// | `{topic}`, `{event_type}`, `{reason}`, `{record_key}`, `{ordering_key}` | the column, compared letter by letter |
/// | `{wait}`, `{delivery}` | the columns of `{death}`, for an event that waits and for one that is delivered |
/// | `{min_created_at}`, `{min_died_at}`, `{max_died_at}`, `{max_attempts}` | the lowest or highest of a group |
/// | `{named}` | that a row is one of the ids that are the only parameter |
pub(crate) trait Inspect: Sync {
    type Row: AnswerRow;

    /// The rows that answer a statement.
    fn look(
        &self,
        operation: &'static str,
        statement: &str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Row>, EventError>> + Send;

    /// Executes a statement about `{named}` rows; answers how many it changed.
    fn change(
        &self,
        operation: &'static str,
        statement: &str,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// Sentences on settings of the server that weaken a promise.
    fn cautions(&self) -> impl Future<Output = Result<Vec<&'static str>, EventError>> + Send;

    /// Puts dead letters that have their payload back at the outbox's end, with their ids and no attempts; answers how many
    /// there were.
    fn requeue(&self, ids: &[Uuid]) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// The number in the first column of the first row.
    async fn number(
        &self,
        operation: &'static str,
        statement: &str,
        values: &[Value<'_>],
    ) -> Result<Option<i64>, EventError> {
        let rows = self.look(operation, statement, values).await?;
        rows.first().ok_or(sqlx::Error::RowNotFound).map_err(read_error)?.first_number()
    }

    /// The database's clock.
    async fn clock(&self) -> Result<Timestamp, EventError> {
        let now = self.number("tell the time", "SELECT {clock}", &[]).await?.unwrap_or_default();
        timestamp(now).map_err(|problem| read_error(sqlx::Error::Decode(problem.into())))
    }

    /// The oldest events that wait, of those with higher numbers than `seq`.
    async fn pending(&self, seq: i64, limit: u32) -> Result<Vec<PendingEvent>, EventError> {
        let sql = "SELECT {event} FROM {outbox} WHERE $1 < seq ORDER BY seq LIMIT $2";
        let values = [Value::Number(Some(seq)), Value::Number(Some(limit.into()))];
        self.look("list the pending events", sql, &values).await?.iter().map(AnswerRow::event).collect()
    }

    /// The highest number of those that wait.
    async fn last_pending(&self) -> Result<Option<i64>, EventError> {
        self.number("list the pending events", "SELECT max(seq) FROM {outbox}", &[]).await
    }

    /// Where the events that wait, and the dead ones, are bound for; in the order of the alphabet.
    async fn topics(&self) -> Result<Vec<String>, EventError> {
        let sql = "SELECT topic FROM {outbox} UNION SELECT topic FROM {dead}";
        let rows = self.look("list the topics", sql, &[]).await?;
        let mut topics = rows.iter().map(AnswerRow::first_text).collect::<Result<Vec<_>, _>>()?;
        topics.sort_unstable();
        Ok(topics)
    }

    async fn dead_letters(&self, query: &DeadLetterQuery) -> Result<Vec<DeadLetter>, EventError> {
        let columns = if query.without_payload { "{event_without_payload}" } else { "{event}" };
        let sql = "SELECT {columns}, {death} FROM {dead} WHERE {matches} ORDER BY seq, event_id LIMIT $7"
            .replace("{columns}", columns)
            .replace("{matches}", &matches(query));
        self.look("list the dead letters", &sql, &of_page(query)).await?.iter().map(AnswerRow::dead_letter).collect()
    }

    async fn count_dead(&self, query: &DeadLetterQuery) -> Result<u64, EventError> {
        let sql = "SELECT count(*) FROM {dead} WHERE {matches}".replace("{matches}", &matches(query));
        let number = self.number("count the dead letters", &sql, &parameters(query)).await?;
        Ok(count(number.unwrap_or_default()))
    }

    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, EventError> {
        let sql = "SELECT {event}, {death} FROM {dead} WHERE event_id = $1";
        let rows = self.look("look for a dead letter", sql, &[Value::Id(id)]).await?;
        rows.first().map(AnswerRow::dead_letter).transpose()
    }

    /// How many delivered events are kept that were delivered `age` ago or longer.
    async fn count_published(&self, age: Duration) -> Result<u64, EventError> {
        let sql = "SELECT count(*) FROM {published} WHERE published_at <= {ago}";
        let age = Value::Number(Some(milliseconds(age)));
        Ok(count(self.number("count delivered events", sql, slice::from_ref(&age)).await?.unwrap_or_default()))
    }

    /// Those that are known, in the order in which they began.
    async fn relays(&self) -> Result<Vec<RelayStatus>, EventError> {
        let sql = "
            SELECT relays.relay, relays.service, relays.host, relays.process_id, relays.version, {started_at},
                {now} <= relays.expires_at AS is_alive, lanes.lane
            FROM {relays} AS relays
            LEFT JOIN {lanes} AS lanes ON lanes.owner = relays.relay AND {now} <= relays.expires_at
            WHERE {ago} <= relays.expires_at
            ORDER BY relays.started_at, relays.relay, lanes.lane";
        let rows = self.look("list the relays", sql, &[Value::Number(Some(milliseconds(HOUR)))]).await?;
        Ok(RelayStatus::gather(rows.iter().map(AnswerRow::relay).collect::<Result<Vec<_>, _>>()?))
    }

    /// Deletes dead letters.
    async fn discard(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        self.change("discard dead letters", "DELETE FROM {dead} WHERE {named}", ids).await
    }

    /// Empties dead letters of their payloads and headers.
    async fn redact(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let sql = "UPDATE {dead} SET payload = substr(payload, 1, 0), headers = '[]', encoding = 0 WHERE {named}";
        self.change("empty dead letters", sql, ids).await
    }
}

/// The condition that a query sets.
pub(crate) fn matches(query: &DeadLetterQuery) -> String {
    format!("{MATCHES}{}", if query.requeueable { " AND 0 < encoding" } else { "" })
}

fn parameters(query: &DeadLetterQuery) -> [Value<'_>; 6] {
    let after = query.after.unwrap_or(FIRST);
    [
        Value::Number(query.older_than.map(milliseconds)),
        Value::Text(query.topic.as_deref()),
        Value::Text(query.event_type.as_deref()),
        Value::Text(query.reason.as_deref()),
        Value::Number(Some(after.seq)),
        Value::Id(after.event_id),
    ]
}

/// The same with the number of letters at the most.
pub(crate) fn of_page(query: &DeadLetterQuery) -> [Value<'_>; 7] {
    let [age, topic, event_type, reason, seq, id] = parameters(query);
    [age, topic, event_type, reason, seq, id, Value::Number(Some(query.limit.unwrap_or(100).into()))]
}

/// A statement with a database's own parts in it; `event` is the columns of an event.
pub(crate) fn with_parts<'p>(
    statement: &str,
    event: &str,
    parts: impl IntoIterator<Item = &'p (&'p str, &'p str)>,
) -> String {
    let without_payload = event.replace(" payload,", " substr(payload, 1, 0) AS payload,");
    let text = statement
        .replace("{revived}", REVIVED)
        .replace("{event}", event)
        .replace("{event_without_payload}", &without_payload);
    parts.into_iter().fold(text, |text, (name, part)| text.replace(name, part))
}
