//! The outbox in PostgreSQL.

mod append;
mod inspect;
mod listen;
mod position;
mod rows;
mod statements;
mod store;

pub(super) use append::Append;
pub(crate) use store::PostgresStore;
