//! Events.
#[doc(hidden)]
pub mod __private;
mod attributes;
pub mod config;
mod context;
mod error;
mod event;
mod kafka;
mod observe;
pub mod outbox;
mod publisher;
mod relay;
#[cfg(feature = "testing")]
pub mod testing;

pub use attributes::{audit_event, custom_event, domain_event, notification_event};
pub use config::{ConfigError, ConfigFault, EventConfig, EventConfigBuilder};
pub use context::EventContext;
pub use error::EventError;
pub use event::{
    AuditEvent, AuditEventType, CustomEvent, DomainEvent, Event, EventMetadata, EventOrdering, EventPriority,
    NotificationEvent, NotificationEventType, Outcome, RiskLevel,
};
pub use outbox::{OutboxConnection, OutboxRepository, OutboxTransaction};
pub use publisher::{EventPublisher, Events, init, init_with, publisher};
pub use relay::{OutboxRelay, OutboxRelayBuilder};
pub use tokio_util::sync::CancellationToken;
