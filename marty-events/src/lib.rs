//! Audit, domain and notification events from annotated methods, through a transactional outbox, to Kafka.
//!
//! An event exists if and only if the transaction that it was written in committed. A relay delivers it at least once, in the order of the
//! inserts per aggregate. Start with [`domain_event`], [`init`] and [`OutboxRelay`]; the project's README has the whole picture, and the
//! behaviour in each kind of fault.
//!
//! - [`audit_event`], [`domain_event`], [`notification_event`], [`custom_event`]: attributes on async methods; [`attributes`] has their
//! common arguments
//! - [`init`], [`publisher`], [`EventPublisher`]: start-up, and publishing by hand
//! - [`outbox`], [`OutboxRepository`], [`OutboxRelay`]: the tables, looking into them, delivering from them
//! - [`EventConfig`]: the environment's variables, and the builder
//! - [`EventContext`]: the facts that the events of a request have in common
//! - `testing::EventRecorder` (feature `testing`): the events that a test published

#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
pub mod __private;
// The examples' features, where they are tested.
#[cfg(any(not(doctest), all(feature = "testing", feature = "sqlite")))]
pub mod attributes;
pub mod config;
mod database;
mod error;
mod event;
mod kafka;
mod macros;
mod observe;
pub mod outbox;
mod publisher;
mod relay;
mod retry;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;

pub use config::{EventConfig, EventConfigBuilder};
pub use error::{ConfigError, ConfigFault, EventError};
pub use event::{
    AuditEvent, AuditEventType, AuditOutcome, CustomEvent, DomainEvent, Event, EventContext, EventMetadata,
    EventOrdering, EventPriority, NotificationEvent, NotificationEventType, RiskLevel,
};
pub use macros::{audit_event, custom_event, domain_event, notification_event};
pub use outbox::{OutboxConnection, OutboxRepository, OutboxTransaction};
pub use publisher::{EventPublisher, EventsGuard, init, init_with, publisher};
pub use relay::{OutboxRelay, OutboxRelayBuilder, RelayHealth, RelayState};
pub use tokio_util::sync::CancellationToken;
