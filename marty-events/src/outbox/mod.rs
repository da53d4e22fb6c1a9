//! The outbox: events written in the caller's transaction, which wait there until they are delivered.

mod append;
mod encoding;
mod inspect;
mod lanes;
#[cfg(test)]
mod leases;
mod migrations;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod query;
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "a relay asks for it, and needs the Kafka client"))]
mod queue;
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "a relay asks for it, and needs the Kafka client"))]
mod queued_row;
mod relays;
mod repository;
mod rights;
mod row;
mod rows;
mod search;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "a relay asks for it, and needs the Kafka client"))]
mod wake;

pub(crate) use crate::database::Fault;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::database::Link;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
use crate::database::Quotes;
pub use crate::database::{InvalidTable, OutboxConnection, OutboxPool, OutboxTable, OutboxTransaction};

pub(crate) use append::Appender;
#[cfg(all(test, feature = "kafka"))]
pub(crate) use encoding::HeaderText;
#[cfg(feature = "kafka")]
pub(crate) use lanes::{Lane, Portion};
pub use migrations::{migrate, migrate_table};
pub use query::{CleanupOptions, DeadLetterPlace, DeadLetterQuery, InvalidPlace};
#[cfg(feature = "kafka")]
pub(crate) use queue::{
    Heartbeat, Holding, LONGEST_TIME, Number, Page, Position, Queue, Refused, Settled, Tally, Unreadable,
};
#[cfg(feature = "kafka")]
pub(crate) use queued_row::QueuedRow;
pub(crate) use queued_row::RowId;
#[cfg(feature = "kafka")]
pub(crate) use relays::RelayName;
pub use relays::RelayStatus;
pub use repository::OutboxRepository;
pub(crate) use repository::on_store;
pub use row::{DeadLetter, OutboxStats, PendingEvent};
pub use search::{DeadLetterGroup, EventPlace, FoundEvent, WaitingKey};
#[cfg(feature = "kafka")]
pub(crate) use wake::{Wake, nudged};
