//! What stands in for a database when none is built in: types that nothing makes, so that the rest compiles alike.

use std::time::Duration;

use uuid::Uuid;

use super::{
    DeadLetter, OutboxStats, PendingEvent,
    store::{Lease, Page, Store, Tenure},
};
use crate::EventError;

/// Private, so that no pool and no connection of it exists.
#[derive(Debug, Clone)]
pub struct NoDatabase(());

/// A store that is never asked.
#[derive(Debug, Clone)]
pub(crate) struct NoStore;

pub(crate) fn no_database() -> EventError {
    EventError::UnsupportedDatabase { database: "any database", feature: "postgres" }
}

impl Store for NoStore {
    async fn acquire(&self, _: Uuid, _: Duration) -> Result<Option<Lease>, EventError> {
        Err(no_database())
    }

    async fn renew(&self, _: Lease, _: Duration) -> Result<Tenure, EventError> {
        Err(no_database())
    }

    async fn release(&self, _: Lease) -> Result<(), EventError> {
        Err(no_database())
    }

    async fn fetch(&self, _: i64, _: &[i64], _: &[String]) -> Result<Page, EventError> {
        Err(no_database())
    }

    async fn settle(&self, _: Lease, _: &[i64]) -> Result<Tenure, EventError> {
        Err(no_database())
    }

    async fn refuse(&self, _: Lease, _: i64, _: &str) -> Result<Tenure, EventError> {
        Err(no_database())
    }

    async fn bury(&self, _: Lease, _: i64, _: &str) -> Result<Tenure, EventError> {
        Err(no_database())
    }

    async fn pending(&self, _: i64) -> Result<Vec<PendingEvent>, EventError> {
        Err(no_database())
    }

    async fn dead_letters(&self, _: i64) -> Result<Vec<DeadLetter>, EventError> {
        Err(no_database())
    }

    async fn requeue(&self, _: &[Uuid]) -> Result<u64, EventError> {
        Err(no_database())
    }

    async fn discard(&self, _: &[Uuid]) -> Result<u64, EventError> {
        Err(no_database())
    }

    async fn cleanup(&self, _: Duration) -> Result<u64, EventError> {
        Err(no_database())
    }

    async fn stats(&self) -> Result<OutboxStats, EventError> {
        Err(no_database())
    }
}
