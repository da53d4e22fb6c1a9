use std::{borrow::Cow, fmt};

use serde::Serialize;

use super::{EventOrdering, EventPriority, Json, aggregate::Aggregate};

/// The `schema_version` of an event that names none.
pub(super) const SCHEMA_VERSION: &str = "1.0";

/// A change of an aggregate, on the topic `{prefix}.{service}.{aggregate}.{event_type}`.
///
/// ```
/// use marty_events::DomainEvent;
///
/// let event = DomainEvent::new("user", "user-123", "user_created").data(&serde_json::json!({"plan": "pro"}));
/// ```
#[derive(Debug, Clone)]
pub struct DomainEvent {
    pub(crate) payload: DomainPayload,
    pub(crate) ordering: EventOrdering,
    pub(crate) priority: EventPriority,
    /// The service that alone may publish the event.
    pub(crate) service: Option<&'static str>,
}

#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "_envelope"), expect(dead_code, reason = "nothing is published"))]
pub(crate) struct DomainPayload {
    pub(crate) aggregate: Aggregate,
    pub(crate) event_type: Cow<'static, str>,
    pub(super) event_version: u32,
    pub(crate) event_data: Json,
    pub(super) business_context: Json,
    pub(super) schema_version: Cow<'static, str>,
    pub(super) schema_url: Option<String>,
}

impl DomainEvent {
    /// `event_type` happened to the aggregate of that type and id. An empty id, and one
    /// with control characters, is refused when the event is published.
    #[must_use]
    pub fn new(
        aggregate_type: impl Into<String>,
        aggregate_id: impl fmt::Display,
        event_type: impl Into<String>,
    ) -> Self {
        Self::of(Aggregate::new(&aggregate_type.into(), aggregate_id), event_type.into().into())
    }

    /// The event without anything that the builder's methods set.
    pub(crate) fn of(aggregate: Aggregate, event_type: Cow<'static, str>) -> Self {
        Self {
            payload: DomainPayload {
                aggregate,
                event_type,
                event_version: 1,
                event_data: Json::default(),
                business_context: Json::default(),
                schema_version: SCHEMA_VERSION.into(),
                schema_url: None,
            },
            ordering: EventOrdering::Key,
            priority: EventPriority::Normal,
            service: None,
        }
    }

    /// The event's type, as it stands in the envelope.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.payload.event_type
    }

    /// The change in detail (`event_data`); an empty object unless set. JSON has no `NaN` and no infinity:
    /// such a number is written as `null`. A value that serde cannot write is refused
    /// when the event is published.
    #[must_use]
    pub fn data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.payload.event_data = Json::of("event_data", data);
        self
    }

    /// Further facts for the business (`business_context`); an empty object unless set.
    #[must_use]
    pub fn business_context<T: Serialize + ?Sized>(mut self, context: &T) -> Self {
        self.payload.business_context = Json::of("business_context", context);
        self
    }

    /// The version of this event type's meaning; 1 unless set.
    #[must_use]
    pub fn event_version(mut self, version: u32) -> Self {
        self.payload.event_version = version;
        self
    }

    /// The version and place of the schema of `event_data`. Unless set, they are `1.0` and the URL below `EVENT_SCHEMA_BASE_URL`, or none without
    /// that variable.
    #[must_use]
    pub fn schema(mut self, version: impl Into<String>, url: Option<String>) -> Self {
        self.payload.schema_version = Cow::Owned(version.into());
        self.payload.schema_url = url;
        self
    }

    /// The order that consumers may rely on; [`EventOrdering::Key`] unless set.
    #[must_use]
    pub fn ordering(mut self, ordering: EventOrdering) -> Self {
        self.ordering = ordering;
        self
    }

    /// The urgency for consumers; `normal` unless set.
    #[must_use]
    pub fn priority(mut self, priority: EventPriority) -> Self {
        self.priority = priority;
        self
    }
}
