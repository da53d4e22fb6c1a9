//! The outbox in MySQL and MariaDB.
//!
//! These databases have no arrays, so lists of numbers are written into the statements; no announcements, so relays poll;
//! and no snapshot that one could look at, so the position keeps the numbers that are missing.

mod append;
mod fit;
mod gaps;
mod holding;
mod inspect;
mod position;
mod queue;
mod reading;
mod rights;
mod rows;
mod server;
mod settling;
mod statements;
mod work;

use sqlx::mysql::MySqlDatabaseError;

pub(super) use append::Append;
pub(crate) use queue::MySqlStore;

/// MySQL's own number of an error, which says more than the standard's code.
pub(crate) fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}
