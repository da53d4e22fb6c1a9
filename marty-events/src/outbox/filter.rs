use std::time::Duration;

use uuid::Uuid;

use super::DeadLetter;

/// Which dead letters are meant: all of them, unless narrowed.
///
/// ```
/// use std::time::Duration;
/// use marty_events::outbox::DeadLetterFilter;
///
/// let old = DeadLetterFilter::default().topic("marty.audit.events").older_than(Duration::from_hours(720));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct DeadLetterFilter {
    pub(super) topic: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) older_than: Option<Duration>,
    pub(super) after: Option<DeadLetterPlace>,
}

impl DeadLetterFilter {
    /// Those that were bound for this topic.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Those of this type.
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.event_type = Some(event_type.into());
        self
    }

    /// Those that died longer ago than this, by the database's clock; to the millisecond.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = Some(age);
        self
    }

    /// Those behind this place, in the order in which dead letters are listed: the next page begins behind the last one's end.
    pub fn after(mut self, place: DeadLetterPlace) -> Self {
        self.after = Some(place);
        self
    }
}

/// Where a dead letter stands among the others, which is the order in which they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct DeadLetterPlace {
    /// Its place in the outbox before it died.
    pub seq: i64,
    /// The event's id.
    pub event_id: Uuid,
}

impl DeadLetter {
    /// Where it stands among the others.
    #[must_use]
    pub fn place(&self) -> DeadLetterPlace {
        DeadLetterPlace { seq: self.event.seq, event_id: self.event.event_id }
    }
}

/// Before every dead letter.
pub(super) const FIRST: DeadLetterPlace = DeadLetterPlace { seq: i64::MIN, event_id: Uuid::nil() };
