// Doctests take the page only with the features that its example needs.
#![cfg_attr(any(not(doctest), all(feature = "testing", feature = "sqlite", feature = "kafka")), doc = include_str!("lib.md"))]
// A build with fewer features has code that nothing in it asks for. The build with all of them refuses such code.
#![cfg_attr(
    not(all(feature = "kafka", feature = "postgres", feature = "mysql", feature = "sqlite", feature = "testing")),
    allow(dead_code, unused_imports, unused_macros)
)]
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
#[cfg(all(feature = "consumer", feature = "_database"))]
pub mod consumer;
#[cfg(feature = "_database")]
mod database;
mod error;
mod event;
#[cfg(all(feature = "consumer", feature = "_database"))]
#[cfg_attr(
    docsrs,
    doc(cfg(all(feature = "consumer", any(feature = "postgres", feature = "mysql", feature = "sqlite"))))
)]
pub mod inbox;
#[cfg(feature = "kafka")]
mod kafka;
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
#[cfg(all(feature = "consumer", feature = "_database"))]
pub use consumer::{
    ConsumerHealth, ConsumerState, EventConsumer, EventConsumerBuilder, EventHandlers, GiveUp, Received,
};
pub use error::{ConfigError, ConfigFault, DecodeError, EventError};
#[cfg(feature = "catalogue")]
pub use event::catalogue;
pub use event::{
    AuditEvent, AuditEventType, AuditOutcome, CustomEvent, DomainEvent, Event, EventContext, EventMetadata,
    EventOrdering, EventPriority, NotificationEvent, NotificationEventType, RiskLevel, TypedEvent, TypedEventKind,
    decode, decode_envelope,
};
#[cfg(all(feature = "consumer", feature = "_database"))]
pub use kafka::{GroupProtocol, StartAt};
pub use macros::{CustomEvent, DomainEvent};
#[cfg(feature = "_envelope")]
pub use macros::{audit_event, custom_event, domain_event, notification_event};
#[cfg(all(feature = "consumer", feature = "_database"))]
pub use macros::{event_handler, event_handlers};
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
