//! The outbox: events written in the caller's transaction, which wait there until they are delivered.

#![cfg_attr(
    not(feature = "kafka"),
    allow(dead_code, unused_imports, reason = "a relay asks for it, and needs the Kafka client")
)]

mod append;
mod fault;
mod filter;
mod inspect;
mod lanes;
#[cfg(test)]
mod leases;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod link;
mod migrations;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
mod pool;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod record;
mod repository;
mod row;
mod sql;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
mod store;
mod table;
mod transaction;
mod wake;

pub(crate) use append::Appender;
pub(crate) use fault::Fault;
pub use filter::{DeadLetterFilter, DeadLetterPlace};
pub(crate) use lanes::Lane;
pub use migrations::{migrate, migrate_table};
pub use pool::OutboxPool;
pub(crate) use record::{HeaderText, QueuedRow};
pub use repository::OutboxRepository;
pub(crate) use repository::on_store;
pub use row::{DeadLetter, OutboxStats, PendingEvent, RelayStatus};
pub(crate) use store::{
    Heartbeat, Holding, LONGEST_TIME, Number, Page, Position, Refused, RowId, Settled, Store, Tally, Unreadable,
};
pub use table::{InvalidTable, OutboxTable};
pub use transaction::{OutboxConnection, OutboxTransaction};
pub(crate) use wake::{Wake, nudged};
