//! The outbox in PostgreSQL.

mod append;
mod fetch;
mod fit;
mod heartbeat;
mod inspect;
mod listen;
mod mark;
mod position;
mod rows;
mod session;
mod settle;
mod snapshot;
mod statements;
mod store;
#[cfg(test)]
mod tests;

pub(super) use append::Append;
pub(crate) use store::PostgresStore;
