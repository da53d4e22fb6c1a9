//! Events.
#[doc(hidden)]
pub mod __private;
pub mod config;
mod context;
mod error;
mod event;
mod kafka;
pub mod outbox;
mod publisher;

pub use context::EventContext;
pub use error::EventError;
pub use event::{
    AuditEvent, AuditEventType, CustomEvent, DomainEvent, Event, EventMetadata, EventOrdering, EventPriority,
    NotificationEvent, NotificationEventType, Outcome, RiskLevel,
};
pub use outbox::{OutboxConnection, OutboxTransaction};
pub use publisher::{EventPublisher, publisher};
