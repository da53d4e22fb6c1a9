//! A database in memory, and an error type as services have one.

use std::future::Future;

use marty_events::EventError;
use sqlx::{Sqlite, SqlitePool, Transaction};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("refused")]
    Refused,
    #[error(transparent)]
    Event(#[from] EventError),
}

impl Failure {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Refused => "E_REFUSED",
            Self::Event(_) => "E_EVENT",
        }
    }
}

pub(crate) type Tx<'c> = Transaction<'c, Sqlite>;

pub(crate) async fn transaction() -> Tx<'static> {
    SqlitePool::connect("sqlite::memory:").await.expect("a database").begin().await.expect("a transaction")
}

pub(crate) fn is_send<F: Future + Send>(future: F) -> F {
    future
}

/// Takes a value, as a body may.
pub(crate) fn consume<T>(_: T) {}
