//! Events of the inbox as people see them.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::{InboxStats, encoding::headers_of, row::count};

/// A group of consumers and its counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InboxGroup {
    /// The group's name.
    pub group: String,
    /// The counts.
    #[serde(flatten)]
    pub stats: InboxStats,
    /// When the next parked event is tried again; `None` where none has a time.
    pub due_at: Option<Timestamp>,
}

/// A key whose events wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ParkedKey {
    /// The group that waits.
    pub group: String,
    /// The topic of the key.
    pub topic: String,
    /// The key, with a sign in the place of bytes that are not text.
    pub key: String,
    /// The number of events that wait, without dead letters.
    pub waiting: u64,
    /// True if a dead letter holds the key: it waits until somebody [requeues](super::InboxRepository::requeue) or
    /// [discards](super::InboxRepository::discard) that letter.
    pub is_held: bool,
    /// The number of the first event in the inbox.
    pub first: i64,
    /// When the first event was parked.
    pub parked_at: Timestamp,
    /// The calls of the first event that failed.
    pub attempts: u32,
    /// When the first event is tried again; `None` for a key that is held.
    pub due_at: Option<Timestamp>,
    /// The error of its last call.
    pub reason: Option<String>,
}

/// An event of a key that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ParkedEvent {
    /// Its number in the inbox, and its place in the order of its key.
    pub id: i64,
    /// The group that waits.
    pub group: String,
    /// The event's id.
    pub event_id: String,
    /// The event's type, where its headers have one.
    pub event_type: Option<String>,
    /// The topic of the record.
    pub topic: String,
    /// The partition of the record.
    pub partition: i32,
    /// The record's offset in its partition.
    pub offset: i64,
    /// The key of its order, with a sign in the place of bytes that are not text.
    pub key: String,
    /// The size of the record's value.
    pub value_bytes: u64,
    /// The number of calls that failed; 0 for an event that waits behind others.
    pub attempts: u32,
    /// The error of the last call.
    pub reason: Option<String>,
    /// True for the dead letter that holds the key.
    pub is_held: bool,
    /// When it was parked, by the database's clock.
    pub parked_at: Timestamp,
    /// When it is tried again; `None` for an event that waits behind others, or is held.
    pub due_at: Option<Timestamp>,
}

/// An event that a group has given up.
///
/// Neither `Debug` nor `Serialize` shows the headers and the value, which may hold personal data. A program that must show them writes the
/// two fields itself.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InboxLetter {
    /// Its number in the inbox, and its place: of two letters of a key, the earlier event has the lower number.
    pub id: i64,
    /// The group.
    pub group: String,
    /// The event's id.
    pub event_id: String,
    /// The event's type, where its headers have one.
    pub event_type: Option<String>,
    /// The topic of the record.
    pub topic: String,
    /// The partition of the record.
    pub partition: i32,
    /// The record's offset in its partition.
    pub offset: i64,
    /// The key of its order, with a sign in the place of bytes that are not text.
    pub key: String,
    /// The record's headers.
    #[serde(skip)]
    pub headers: Vec<(String, Vec<u8>)>,
    /// The record's value. `None` for a tombstone, and for a letter that was read [without it](super::InboxQuery::without_value).
    #[serde(skip)]
    pub value: Option<Vec<u8>>,
    /// The size of the record's value.
    pub value_bytes: u64,
    /// The number of calls that failed.
    pub attempts: u32,
    /// The last error.
    pub reason: String,
    /// Its key waits for this letter.
    pub is_held: bool,
    /// When it was parked, by the database's clock.
    pub parked_at: Timestamp,
    /// When it was given up, by the database's clock.
    pub died_at: Timestamp,
}

impl fmt::Debug for InboxLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxLetter")
            .field("id", &self.id)
            .field("group", &self.group)
            .field("event_id", &self.event_id)
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("attempts", &self.attempts)
            .field("is_held", &self.is_held)
            .finish_non_exhaustive()
    }
}

/// A selection of a group's dead letters, in the order of their numbers: the first 100 of all groups, unless it is narrowed.
///
/// ```
/// use marty_events::inbox::InboxQuery;
///
/// let query = InboxQuery::default().group("status-list").topic("marty.audit.events").limit(20);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct InboxQuery {
    pub(super) group: Option<String>,
    pub(super) topic: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) event_id: Option<String>,
    pub(super) held: bool,
    pub(super) older_than: Option<Duration>,
    pub(super) after: Option<i64>,
    pub(super) limit: Option<u32>,
    pub(super) without_value: bool,
}

impl InboxQuery {
    /// Selects the letters of this group.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Selects the letters from this topic.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Selects the letters with this reason, which is compared as a whole.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Selects the letters of this event: one a group at the most.
    pub fn event_id(mut self, id: impl Into<String>) -> Self {
        self.event_id = Some(id.into());
        self
    }

    /// Selects the letters whose keys wait for them.
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// Selects the letters that died this long ago or longer, by the database's clock; to the millisecond. An age of zero selects all.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = Some(age);
        self
    }

    /// Selects the letters behind this number: the next page begins behind the last letter of a page.
    pub fn after(mut self, id: i64) -> Self {
        self.after = Some(id);
        self
    }

    /// The number of letters at the most.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Leaves the values in the database. `value_bytes` still has their sizes.
    pub fn without_value(mut self) -> Self {
        self.without_value = true;
        self
    }
}

/// The columns of a letter, in the order of the statement.
pub(super) type LetterColumns = (
    i64,
    String,
    String,
    String,
    i32,
    i64,
    Vec<u8>,
    String,
    Option<Vec<u8>>,
    i64,
    i32,
    Option<String>,
    String,
    i64,
    Option<i64>,
);

/// A parked event's columns have the time of its next try in the place of a letter's death.
pub(super) fn parked(columns: LetterColumns) -> ParkedEvent {
    let due = columns.14.map(time);
    let letter = letter(columns);
    ParkedEvent {
        id: letter.id,
        group: letter.group,
        event_id: letter.event_id,
        event_type: letter.event_type,
        topic: letter.topic,
        partition: letter.partition,
        offset: letter.offset,
        key: letter.key,
        value_bytes: letter.value_bytes,
        attempts: letter.attempts,
        reason: Some(letter.reason).filter(|reason| !reason.is_empty()),
        is_held: letter.is_held,
        parked_at: letter.parked_at,
        due_at: due,
    }
}

/// Headers that cannot be read must not hide the letter: then it has none.
pub(super) fn letter(columns: LetterColumns) -> InboxLetter {
    let (
        id,
        group,
        event_id,
        topic,
        partition,
        offset,
        key,
        headers,
        value,
        bytes,
        attempts,
        reason,
        state,
        parked,
        died,
    ) = columns;
    let headers = headers_of(&headers).unwrap_or_default();
    let event_type = headers.iter().find(|(name, _)| name == "ce_type");
    InboxLetter {
        id,
        group,
        event_id,
        event_type: event_type.map(|(_, value)| String::from_utf8_lossy(value).into_owned()),
        topic,
        partition,
        offset,
        key: String::from_utf8_lossy(&key).into_owned(),
        headers,
        value,
        value_bytes: count(bytes),
        attempts: u32::try_from(attempts).unwrap_or_default(),
        reason: reason.unwrap_or_default(),
        is_held: state == "held",
        parked_at: time(parked),
        died_at: time(died.unwrap_or(parked)),
    }
}

/// The columns of a key, in the order of the statement.
pub(super) type KeyColumns = (String, String, Vec<u8>, i64, i64, String, i64, i32, Option<i64>, Option<String>);

pub(super) fn key(columns: KeyColumns) -> ParkedKey {
    let (group, topic, key, waiting, first, state, parked, attempts, due, reason) = columns;
    ParkedKey {
        group,
        topic,
        key: String::from_utf8_lossy(&key).into_owned(),
        waiting: count(waiting),
        is_held: state == "held",
        first,
        parked_at: time(parked),
        attempts: u32::try_from(attempts).unwrap_or_default(),
        due_at: due.map(time),
        reason,
    }
}

/// The columns of a group: its name, its events that wait, keys, dead letters, the time of the oldest one that waits, and of the next try.
pub(super) type GroupColumns = (String, i64, i64, i64, Option<i64>, Option<i64>);

pub(super) fn group(columns: GroupColumns) -> InboxGroup {
    let (group, parked, keys, dead, oldest, due) = columns;
    let stats = InboxStats {
        parked: count(parked),
        parked_keys: count(keys),
        dead_letters: count(dead),
        oldest_parked: oldest.map(time),
    };
    InboxGroup { group, stats, due_at: due.map(time) }
}

/// The time of so many microseconds since 1970, or the nearest one that there is.
fn time(microseconds: i64) -> Timestamp {
    let nearest = if microseconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(microseconds).unwrap_or(nearest)
}
