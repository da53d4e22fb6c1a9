//! The outbox in PostgreSQL.

mod append;
mod rows;
mod store;

pub(super) use append::Append;
pub(crate) use store::PostgresStore;
