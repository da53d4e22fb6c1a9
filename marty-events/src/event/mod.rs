//! Events: four kinds, one envelope.
//!
//! An event is built by hand ([`AuditEvent`], [`DomainEvent`], [`NotificationEvent`], [`CustomEvent`]) or by an
//! annotated method, and becomes a complete `Message`, with its topic, key, headers and bytes, in
//! one place, before it is decided which way it goes.

pub(crate) mod aggregate;
mod audit;
#[cfg(test)]
#[cfg(feature = "_envelope")]
mod by_serde;
#[cfg(feature = "catalogue")]
pub mod catalogue;
mod context;
mod custom;
pub(crate) mod data;
mod domain;
#[cfg(feature = "_envelope")]
pub(crate) mod envelope;
#[cfg(test)]
#[cfg(feature = "_envelope")]
mod golden;
#[cfg(test)]
#[cfg(feature = "_envelope")]
mod hostile;
pub(crate) mod json;
mod kinds;
mod metadata;
mod notification;
mod payload;
mod schema_url;
mod serializer;
pub(crate) mod shortened;
pub(crate) mod source;
pub(crate) mod texts;
pub(crate) mod topic;
pub(crate) mod trace;
pub(crate) mod typed;

pub use audit::{AuditEvent, AuditOutcome, RiskLevel};
pub use context::EventContext;
pub use custom::CustomEvent;
pub use data::Json;
pub use domain::DomainEvent;
pub use kinds::{AuditEventType, NotificationEventType};
pub(crate) use metadata::Circumstances;
pub use metadata::{EventMetadata, EventPriority};
pub use notification::NotificationEvent;
pub use typed::{TypedEvent, TypedEventKind, decode, decode_envelope};

/// An event of any kind, for [`publish`](crate::EventPublisher::publish).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The record of an action on a resource.
    Audit(AuditEvent),
    /// A change of an aggregate.
    Domain(DomainEvent),
    /// A message for people.
    Notification(NotificationEvent),
    /// Anything else, on a topic of its own.
    Custom(CustomEvent),
}

/// The kind of an event, for metrics by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Audit,
    Domain,
    Notification,
    Custom,
}

impl EventKind {
    pub(crate) const ALL: [Self; 4] = [Self::Audit, Self::Domain, Self::Notification, Self::Custom];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Domain => "domain",
            Self::Notification => "notification",
            Self::Custom => "custom",
        }
    }
}

impl Event {
    /// The service that alone may publish the event, if its type names one.
    pub(crate) fn service(&self) -> Option<&'static str> {
        match self {
            Self::Domain(event) => event.service,
            Self::Custom(event) => event.service,
            Self::Audit(_) | Self::Notification(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> EventKind {
        match self {
            Self::Audit(_) => EventKind::Audit,
            Self::Domain(_) => EventKind::Domain,
            Self::Notification(_) => EventKind::Notification,
            Self::Custom(_) => EventKind::Custom,
        }
    }

    /// The event's type, as it stands in the envelope.
    #[must_use]
    pub fn event_type(&self) -> &str {
        match self {
            Self::Audit(event) => event.event_type(),
            Self::Domain(event) => event.event_type(),
            Self::Notification(event) => event.event_type(),
            Self::Custom(event) => event.event_type(),
        }
    }

    /// Sets the part of the payload that is the user's own.
    #[cfg(feature = "_envelope")]
    pub(crate) fn set_data(&mut self, data: Json) {
        match self {
            Self::Audit(event) => event.payload.operation_details = data,
            Self::Domain(event) => event.payload.event_data = data,
            Self::Notification(event) => event.payload.template_variables = data,
            Self::Custom(event) => event.payload = data,
        }
    }
}

impl From<AuditEvent> for Event {
    fn from(event: AuditEvent) -> Self {
        Self::Audit(event)
    }
}

impl From<DomainEvent> for Event {
    fn from(event: DomainEvent) -> Self {
        Self::Domain(event)
    }
}

impl From<NotificationEvent> for Event {
    fn from(event: NotificationEvent) -> Self {
        Self::Notification(event)
    }
}

impl From<CustomEvent> for Event {
    fn from(event: CustomEvent) -> Self {
        Self::Custom(event)
    }
}

/// The order in which events of one key are delivered.
///
/// The key is the aggregate's type and id, so one aggregate's events keep their order across topics too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum EventOrdering {
    /// Delivered in the order of their inserts, which is the order of the commits wherever the writers of one aggregate
    /// wait for each other: by a lock on its row, or a version column. The default of domain events.
    #[default]
    Key,
    /// Delivered in the order of the commits, without any condition on the writers. The insert waits for every other open transaction
    /// that has written an event of the same key, or of another that shares one of 256 locks with it.
    ///
    /// Several inserts in one transaction can meet another transaction's in the opposite order; one of the two then gets
    /// [`EventError::OrderingConflict`](crate::EventError::OrderingConflict) and is to be done again. An event sent
    /// without a transaction has no such order.
    Commit,
    /// No promise. The default of audit, notification and custom events.
    None,
}
