//! The outbox in PostgreSQL.

mod append;
mod fit;
mod inspect;
mod listen;
mod mark;
mod position;
mod queue;
mod rows;
mod session;
mod snapshot;
#[cfg(test)]
mod tests;

pub(super) use append::Append;
pub(crate) use queue::PostgresStore;
