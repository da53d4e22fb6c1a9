use std::{fmt, str::FromStr, time::Duration};

use serde::Deserialize;
use uuid::Uuid;

use super::DeadLetter;

/// A selection of dead letters, in the order in which the events were written: the first 100 of all, unless it is narrowed.
///
/// A number is a query too: `outbox.dead_letters(20)` lists the first 20.
///
/// ```
/// use std::time::Duration;
/// use marty_events::outbox::DeadLetterQuery;
///
/// let old = DeadLetterQuery::default().topic("marty.audit.events").older_than(Duration::from_hours(720)).limit(20);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct DeadLetterQuery {
    pub(super) topic: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) requeueable: bool,
    pub(super) older_than: Option<Duration>,
    pub(super) after: Option<DeadLetterPlace>,
    pub(super) limit: Option<u32>,
    pub(super) without_payload: bool,
}

/// The first dead letters, so many at the most.
impl From<u32> for DeadLetterQuery {
    fn from(limit: u32) -> Self {
        Self::default().limit(limit)
    }
}

impl DeadLetterQuery {
    /// Selects the letters for this topic.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Selects the letters of this event type.
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.event_type = Some(event_type.into());
        self
    }

    /// Selects the letters with this reason, which is compared as a whole.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Leaves out the letters that were [redacted](crate::OutboxRepository::redact), since they cannot be requeued.
    pub fn requeueable(mut self) -> Self {
        self.requeueable = true;
        self
    }

    /// Selects the letters that died this long ago or longer, by the database's clock; to the millisecond. An age of zero selects all.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = Some(age);
        self
    }

    /// Selects the letters behind this place. The next page begins behind the last letter of a page, which may be gone by then.
    pub fn after(mut self, place: DeadLetterPlace) -> Self {
        self.after = Some(place);
        self
    }

    /// The number of letters at the most.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Leaves the payloads in the database, for work on more letters than memory should hold:
    /// [`payload`](super::PendingEvent::payload) is empty, and `payload_bytes` still has its size.
    pub fn without_payload(mut self) -> Self {
        self.without_payload = true;
        self
    }
}

/// The place of a dead letter among the others, in the order in which the events were written.
///
/// Its text, `12.0197..`, is a cursor for a link or an option; it is read from a text, and by serde.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[non_exhaustive]
#[serde(try_from = "String")]
pub struct DeadLetterPlace {
    /// Its place in the outbox before it died.
    pub seq: i64,
    /// The event's id.
    pub event_id: Uuid,
}

/// A text that is not a [`DeadLetterPlace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place is a number, a dot and an id")]
pub struct InvalidPlace;

/// Before every dead letter.
pub(super) const FIRST: DeadLetterPlace = DeadLetterPlace { seq: i64::MIN, event_id: Uuid::nil() };

impl DeadLetter {
    /// The letter's place among the others.
    #[must_use]
    pub fn place(&self) -> DeadLetterPlace {
        DeadLetterPlace { seq: self.event.seq, event_id: self.event.event_id }
    }
}

impl fmt::Display for DeadLetterPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq, self.event_id)
    }
}

impl FromStr for DeadLetterPlace {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let (seq, id) = text.split_once('.').ok_or(InvalidPlace)?;
        Ok(Self { seq: seq.parse().map_err(|_| InvalidPlace)?, event_id: id.parse().map_err(|_| InvalidPlace)? })
    }
}

impl TryFrom<String> for DeadLetterPlace {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, InvalidPlace> {
        text.parse()
    }
}

/// The dead letters to delete for good: those that died an age ago or longer, and a number of them at the most.
///
/// An age alone deletes all of them in one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct CleanupOptions {
    pub(super) age: Duration,
    pub(super) limit: Option<u32>,
}

impl CleanupOptions {
    /// All that died `age` ago or longer, by the database's clock. An age of zero is all that there are.
    pub fn older_than(age: Duration) -> Self {
        Self { age, limit: None }
    }

    /// The number of letters at the most. Cleaning up until it answers less needs no long transaction.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl From<Duration> for CleanupOptions {
    fn from(age: Duration) -> Self {
        Self::older_than(age)
    }
}
