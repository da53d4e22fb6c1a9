//! The outbox in SQLite.
//!
//! SQLite has one writer at a time, so every statement here is serialised with every other, and sequence numbers are
//! given in the order of commits.

mod append;
mod fit;
mod holding;
mod inspect;
mod position;
mod queue;
mod reading;
mod rows;
mod settling;
mod statements;

pub(super) use append::Append;
pub(crate) use queue::SqliteStore;
