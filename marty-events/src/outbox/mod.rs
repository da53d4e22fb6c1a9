//! The outbox: events written in the caller's transaction, until they are delivered.

mod transaction;

pub use transaction::{OutboxConnection, OutboxTransaction};
