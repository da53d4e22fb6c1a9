//! The questions of a page for people: groups of dead letters, keys that wait, and the place of an event.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{
    DeadLetter, DeadLetterQuery, PendingEvent,
    inspect::{Inspect, Value, matches, of_page},
    row::{count, nearest},
    rows::AnswerRow,
};
use crate::EventError;

/// The dead letters of one topic and type that have one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetterGroup {
    /// The topic that the events were bound for.
    pub topic: String,
    /// The type of the events.
    pub event_type: String,
    /// The reason of the last refusal.
    pub reason: String,
    /// The number of letters.
    pub letters: u64,
    /// The number of letters among them that were [redacted](crate::OutboxRepository::redact), and cannot be requeued.
    pub redacted: u64,
    /// When the first of them was given up, by the database's clock.
    pub first_died_at: Timestamp,
    /// When the last of them was given up.
    pub last_died_at: Timestamp,
}

/// The waiting events of one topic and ordering key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WaitingKey {
    /// The topic that the events are bound for.
    pub topic: String,
    /// The ordering key; `None` for the events that keep no order.
    pub ordering_key: Option<String>,
    /// The number of events.
    pub events: u64,
    /// When the oldest of them was written, by the database's clock.
    pub oldest_at: Timestamp,
    /// The most refusals of one of them. Behind a refused event the others of its key wait.
    pub attempts: u64,
    /// The reason of a refusal.
    pub last_error: Option<String>,
    /// The number of events that a newer version wrote: they wait for a relay that can read them.
    pub unreadable: u64,
}

/// The place of an event in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EventPlace {
    /// It waits for a relay.
    Waiting,
    /// The broker refused it for good.
    Dead,
    /// The broker has it, and the outbox [keeps](crate::OutboxRelayBuilder::keep_published) a copy.
    Delivered,
}

/// An event that was looked for, without its headers and payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FoundEvent {
    /// Where it is.
    pub place: EventPlace,
    /// The event.
    #[serde(flatten)]
    pub event: PendingEvent,
    /// The reason of its last refusal.
    pub reason: Option<String>,
    /// Since when it is there, by the database's clock.
    pub since: Timestamp,
    /// The part of it that this version cannot read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Its payload and headers were [emptied](crate::OutboxRepository::redact).
    pub redacted: bool,
}

/// The three tables of events, each with the columns that it has besides.
const PLACES: [(EventPlace, &str, &str); 3] = [
    (EventPlace::Waiting, "{outbox}", "{wait}"),
    (EventPlace::Dead, "{dead}", "{death}"),
    (EventPlace::Delivered, "{published}", "{delivery}"),
];

/// Its statements are written as those of [`Inspect`].
pub(crate) trait Search: Inspect {
    /// The groups of the letters that a query selects, the largest first.
    async fn dead_letter_groups(&self, query: &DeadLetterQuery) -> Result<Vec<DeadLetterGroup>, EventError> {
        let sql = "
            SELECT min(topic) AS group_topic, min(event_type) AS group_type, min(reason) AS group_reason,
                count(*) AS letters, count(CASE WHEN encoding < 1 THEN 1 END) AS redacted,
                {min_died_at} AS first_died_at, {max_died_at} AS last_died_at
            FROM {dead} WHERE {matches}
            GROUP BY {topic}, {event_type}, {reason}
            ORDER BY letters DESC, group_topic, group_type, group_reason LIMIT $7"
            .replace("{matches}", &matches(query));
        let rows = self.look("group the dead letters", &sql, &of_page(query)).await?;
        let mut groups = rows.iter().map(dead_letter_group).collect::<Result<Vec<_>, _>>()?;
        // The databases sort texts in ways of their own.
        groups.sort_by(|one, other| {
            let texts = |group: &DeadLetterGroup| (group.topic.clone(), group.event_type.clone(), group.reason.clone());
            other.letters.cmp(&one.letters).then_with(|| texts(one).cmp(&texts(other)))
        });
        Ok(groups)
    }

    /// The keys of the oldest `among` events, the key of the oldest first.
    async fn waiting_keys(&self, among: u32, limit: u32) -> Result<Vec<WaitingKey>, EventError> {
        let sql = "
            SELECT min(topic) AS group_topic, min(ordering_key) AS group_key, count(*) AS events,
                {min_created_at} AS oldest_at, {max_attempts} AS most_attempts, min(last_error) AS group_error,
                count(CASE WHEN 1 < encoding THEN 1 END) AS unreadable
            FROM (SELECT seq, topic, ordering_key, created_at, attempts, last_error, encoding
                FROM {outbox} ORDER BY seq LIMIT $1) AS oldest
            GROUP BY {topic}, {ordering_key} ORDER BY min(seq) LIMIT $2";
        let values = [Value::Number(Some(among.into())), Value::Number(Some(limit.into()))];
        self.look("group the pending events", sql, &values).await?.iter().map(waiting_key).collect()
    }

    /// The oldest events that wait, of those with higher numbers than `seq`.
    async fn waiting(&self, seq: i64, limit: u32) -> Result<Vec<FoundEvent>, EventError> {
        self.in_place(PLACES[0], "$1 < seq", Value::Number(Some(seq)), limit).await
    }

    /// The event with this id. It is in several places if it was restored, or written again.
    async fn find(&self, id: Uuid) -> Result<Vec<FoundEvent>, EventError> {
        self.everywhere("event_id = $1", Value::Id(id), 10).await
    }

    /// The events with this key or ordering key, the oldest `limit` of each place.
    async fn find_by_key(&self, key: &str, limit: u32) -> Result<Vec<FoundEvent>, EventError> {
        self.everywhere("$1 IN ({record_key}, {ordering_key})", Value::Text(Some(key)), limit).await
    }

    async fn everywhere(&self, meant: &str, value: Value<'_>, limit: u32) -> Result<Vec<FoundEvent>, EventError> {
        let mut found = Vec::new();
        for place in PLACES {
            found.extend(self.in_place(place, meant, value, limit).await?);
        }
        Ok(found)
    }

    async fn in_place(
        &self,
        (place, table, besides): (EventPlace, &str, &str),
        meant: &str,
        value: Value<'_>,
        limit: u32,
    ) -> Result<Vec<FoundEvent>, EventError> {
        let sql =
            format!("SELECT {{event_without_payload}}, {besides} FROM {table} WHERE {meant} ORDER BY seq LIMIT $2");
        let rows = self.look("look for events", &sql, &[value, Value::Number(Some(limit.into()))]).await?;
        rows.iter().map(|row| Ok(FoundEvent::new(place, row.dead_letter()?))).collect()
    }
}

impl<I: Inspect> Search for I {}

impl FoundEvent {
    /// A row of any of the places has the columns of a dead letter.
    fn new(place: EventPlace, row: DeadLetter) -> Self {
        let DeadLetter { event, reason, died_at, problem, redacted } = row;
        Self {
            place,
            event,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            since: died_at,
            problem,
            redacted,
        }
    }
}

fn dead_letter_group(row: &impl AnswerRow) -> Result<DeadLetterGroup, EventError> {
    Ok(DeadLetterGroup {
        topic: row.text("group_topic")?.unwrap_or_default(),
        event_type: row.text("group_type")?.unwrap_or_default(),
        reason: row.text("group_reason")?.unwrap_or_default(),
        letters: number(row, "letters")?,
        redacted: number(row, "redacted")?,
        first_died_at: time(row, "first_died_at")?,
        last_died_at: time(row, "last_died_at")?,
    })
}

fn waiting_key(row: &impl AnswerRow) -> Result<WaitingKey, EventError> {
    Ok(WaitingKey {
        topic: row.text("group_topic")?.unwrap_or_default(),
        ordering_key: row.text("group_key")?,
        events: number(row, "events")?,
        oldest_at: time(row, "oldest_at")?,
        attempts: number(row, "most_attempts")?,
        last_error: row.text("group_error")?,
        unreadable: number(row, "unreadable")?,
    })
}

fn number(row: &impl AnswerRow, column: &str) -> Result<u64, EventError> {
    Ok(count(row.number(column)?.unwrap_or_default()))
}

fn time(row: &impl AnswerRow, column: &str) -> Result<Timestamp, EventError> {
    Ok(nearest(row.number(column)?.unwrap_or_default()).0)
}
