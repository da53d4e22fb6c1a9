//! The error of a service's methods.

use marty_events::EventError;

/// The error of a method that writes to a database and publishes events.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database refused a statement.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// An event could not be written.
    #[error(transparent)]
    Event(#[from] EventError),
}
