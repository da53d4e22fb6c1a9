use std::{borrow::Cow, fmt, ops::Deref};

use jiff::Timestamp;

use super::{Incoming, envelope::header};
use crate::event::trace::TraceContext;

/// An event with the record that it came in: the argument of a handler.
///
/// It gives access to the event's fields as if it were the event.
///
/// `Debug` shows the facts about the event, and leaves the event itself out.
pub struct Received<T> {
    event: T,
    record: Incoming,
}

impl<T> Received<T> {
    pub(super) fn new(event: T, record: Incoming) -> Self {
        Self { event, record }
    }

    /// The event alone.
    pub fn into_inner(self) -> T {
        self.event
    }

    /// The event's id. A record without one has the id of its place and its time, `topic:partition:offset:milliseconds`.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// The event's type. A record without an envelope has none.
    pub fn event_type(&self) -> Option<&str> {
        self.record.event_type.as_deref()
    }

    /// The version of a domain event's data, as it was published. A typed event of an older version has been made one of the newest.
    pub fn event_version(&self) -> Option<u32> {
        self.record.event_version
    }

    /// The topic that the record came from, with its prefix.
    pub fn topic(&self) -> &str {
        &self.record.delivery.topic
    }

    /// The record's key, if it has one that is UTF-8. [`key_bytes`](Self::key_bytes) has any.
    pub fn key(&self) -> Option<&str> {
        self.key_bytes().and_then(|key| std::str::from_utf8(key).ok())
    }

    /// The record's key.
    pub fn key_bytes(&self) -> Option<&[u8]> {
        self.record.delivery.key.as_deref()
    }

    /// The value of the first header of this name, if it is UTF-8 and not empty. The case of its letters does not count.
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        header(&self.record.delivery, name)
    }

    /// The headers in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.record.delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The partition that the record came from.
    pub fn partition(&self) -> i32 {
        self.record.delivery.partition
    }

    /// The record's place in its partition.
    pub fn offset(&self) -> i64 {
        self.record.delivery.offset
    }

    /// The number of this call for the event: 1, or more after failures.
    pub fn attempt(&self) -> u32 {
        self.record.delivery.attempt.max(1)
    }

    /// When the event was recorded. Where no header and no envelope says so, the record's own time.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.record.time
    }

    /// The id that the events of one business operation share.
    pub fn correlation_id(&self) -> Option<&str> {
        self.record.correlation_id.as_deref()
    }

    /// The event or command that caused this event.
    pub fn causation_id(&self) -> Option<&str> {
        self.record.causation_id.as_deref()
    }

    /// The user who acted.
    pub fn user_id(&self) -> Option<&str> {
        self.record.user_id.as_deref()
    }

    /// The W3C trace id that the event was recorded in.
    pub fn trace_id(&self) -> Option<&str> {
        self.record.trace.as_ref().and_then(TraceContext::ids).map(|(trace, _)| trace)
    }
}

impl<T> Deref for Received<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.event
    }
}

impl<T> fmt::Debug for Received<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("id", &self.id())
            .field("event_type", &self.event_type())
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
