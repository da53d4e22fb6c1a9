//! Audit, domain and notification events from annotated methods, through a transactional outbox, to Kafka.
//!
//! An event exists if and only if the transaction that it was written in committed. A relay delivers it at least once, in the order of the
//! inserts per aggregate. Start with [`domain_event`], [`init`] and [`OutboxRelay`]; the project's README has the whole picture, and the
//! behaviour in each kind of fault.
//!
//! - [`audit_event`], [`domain_event`], [`notification_event`], [`custom_event`]: attributes on async methods; [`attributes`] has their
//!   common arguments
//! - [`init`], [`publisher`], [`EventPublisher`]: start-up, and publishing by hand
//! - [`outbox`], [`OutboxRepository`], [`OutboxRelay`]: the tables, looking into them, delivering from them
//! - [`EventConfig`]: the environment's variables, and the builder
//! - [`EventContext`]: the facts that the events of a request have in common
//! - `testing::EventRecorder` (feature `testing`): the events that a test published
//!
//! With no feature at all the crate has the types of events and [`EventContext`]. A database feature (`postgres`, `mysql`, `sqlite`) adds the
//! outbox, and `kafka` the Kafka client. Both are default features, and [`OutboxRelay`] needs both.

#![cfg_attr(docsrs, feature(doc_cfg))]
// Users name features of theirs, which imply the private ones.
#![cfg_attr(docsrs, doc(auto_cfg(hide(feature = "_envelope", feature = "_publisher", feature = "_database"))))]

#[doc(hidden)]
pub mod __private;
// The examples' features, where they are tested.
#[cfg(any(all(feature = "_envelope", not(doctest)), all(feature = "testing", feature = "sqlite", feature = "kafka")))]
pub mod attributes;
#[cfg(feature = "_publisher")]
#[cfg_attr(docsrs, doc(cfg(any(feature = "kafka", feature = "postgres", feature = "mysql", feature = "sqlite"))))]
pub mod config;
#[cfg(feature = "_database")]
mod database;
mod error;
mod event;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "_envelope")]
mod macros;
#[cfg(feature = "_publisher")]
mod observe;
#[cfg(feature = "_database")]
#[cfg_attr(docsrs, doc(cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))))]
pub mod outbox;
#[cfg(feature = "_envelope")]
mod publisher;
#[cfg(all(feature = "kafka", feature = "_database"))]
mod relay;
mod retry;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;

#[cfg(feature = "_publisher")]
pub use config::{EventConfig, EventConfigBuilder};
pub use error::{ConfigError, ConfigFault, EventError};
pub use event::{
    AuditEvent, AuditEventType, AuditOutcome, CustomEvent, DomainEvent, Event, EventContext, EventMetadata,
    EventOrdering, EventPriority, NotificationEvent, NotificationEventType, RiskLevel,
};
#[cfg(feature = "_envelope")]
pub use macros::{audit_event, custom_event, domain_event, notification_event};
#[cfg(feature = "_database")]
pub use outbox::{OutboxConnection, OutboxRepository, OutboxTransaction};
#[cfg(feature = "_envelope")]
pub use publisher::{EventPublisher, publisher};
#[cfg(feature = "_publisher")]
pub use publisher::{EventsGuard, init, init_with};
#[cfg(all(feature = "kafka", feature = "_database"))]
pub use relay::{OutboxRelay, OutboxRelayBuilder, RelayHealth, RelayState};
#[cfg(all(feature = "kafka", feature = "_database"))]
pub use tokio_util::sync::CancellationToken;
