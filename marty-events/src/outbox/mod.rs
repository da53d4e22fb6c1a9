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
mod queue;
mod queued_row;
mod relays;
mod repository;
mod rights;
mod row;
mod rows;
mod search;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
mod wake;

pub(crate) use crate::database::Fault;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::database::Link;
use crate::database::Quotes;
pub use crate::database::{InvalidTable, OutboxConnection, OutboxPool, OutboxTable, OutboxTransaction};

pub(crate) use append::Appender;
#[cfg(all(test, feature = "kafka"))]
pub(crate) use encoding::HeaderText;
#[cfg(feature = "kafka")]
pub(crate) use lanes::{Lane, Portion};
pub use migrations::{migrate, migrate_table};
pub use query::{CleanupOptions, DeadLetterPlace, DeadLetterQuery, InvalidPlace};
pub(crate) use queue::{
    Heartbeat, Holding, LONGEST_TIME, Number, Page, Position, Queue, Refused, Settled, Tally, Unreadable,
};
pub(crate) use queued_row::QueuedRow;
pub(crate) use queued_row::RowId;
pub(crate) use relays::RelayName;
pub use relays::RelayStatus;
pub use repository::OutboxRepository;
pub(crate) use repository::on_store;
pub use row::{DeadLetter, OutboxStats, PendingEvent};
pub use search::{DeadLetterGroup, EventPlace, FoundEvent, WaitingKey};
pub(crate) use wake::{Wake, nudged};
