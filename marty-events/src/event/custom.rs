use std::{borrow::Cow, fmt};

use serde::Serialize;

use super::{EventPriority, Json};

/// An event of none of the other kinds, on the topic `{prefix}.{topic}`; its data is the payload.
///
/// ```
/// use marty_events::CustomEvent;
///
/// let event = CustomEvent::new("billing.ledger", "entry_posted").key("acct-9").data(&serde_json::json!({"cents": 1250}));
/// ```
#[derive(Debug, Clone)]
pub struct CustomEvent {
    pub(crate) topic: Cow<'static, str>,
    pub(crate) event_type: Cow<'static, str>,
    pub(crate) key: Option<String>,
    pub(crate) payload: Json,
    pub(crate) priority: EventPriority,
    /// The service that alone may publish the event.
    pub(crate) service: Option<&'static str>,
}

impl CustomEvent {
    /// An event of `event_type` for `topic`, which the configured prefix is put before.
    #[must_use]
    pub fn new(topic: impl Into<String>, event_type: impl Into<String>) -> Self {
        Self::of(topic.into().into(), event_type.into().into())
    }

    /// The event without anything that the builder's methods set.
    pub(crate) fn of(topic: Cow<'static, str>, event_type: Cow<'static, str>) -> Self {
        Self { topic, event_type, key: None, payload: Json::default(), priority: EventPriority::Normal, service: None }
    }

    /// The event's type, as it stands in the envelope.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The record's key in Kafka; none unless set. An empty text, and one with control characters, is refused
    /// when the event is published.
    #[must_use]
    pub fn key(mut self, key: impl fmt::Display) -> Self {
        self.key = Some(key.to_string());
        self
    }

    /// The payload; an empty object unless set. JSON has no `NaN` and no infinity:
    /// such a number is written as `null`. A value that serde cannot write is refused
    /// when the event is published.
    #[must_use]
    pub fn data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.payload = Json::of("payload", data);
        self
    }

    /// The urgency for consumers; `normal` unless set.
    #[must_use]
    pub fn priority(mut self, priority: EventPriority) -> Self {
        self.priority = priority;
        self
    }
}
