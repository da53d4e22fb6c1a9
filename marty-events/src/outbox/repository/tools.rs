//! The repository for tools: pages, counts, and work in bounded steps.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    super::{DeadLetterQuery, PendingEvent, inspect::Inspect, on_store, queue::Queue},
    OutboxRepository,
};
use crate::EventError;

/// For tools: pages, counts, and work in bounded steps.
impl OutboxRepository {
    /// The database's clock.
    pub async fn clock(&self) -> Result<Timestamp, EventError> {
        on_store!(&self.pool, self.table, store => store.clock().await)
    }

    /// Sentences on settings of the database's server that weaken what the outbox promises; none where it has none of them.
    pub async fn cautions(&self) -> Result<Vec<&'static str>, EventError> {
        on_store!(&self.pool, self.table, store => store.cautions().await)
    }

    /// The oldest `limit` events that wait behind the number `seq`. An event with a lower number that is committed later is not
    /// among them.
    pub async fn pending_after(&self, seq: i64, limit: u32) -> Result<Vec<PendingEvent>, EventError> {
        on_store!(&self.pool, self.table, store => store.pending(seq, limit).await)
    }

    /// The highest number of the events that wait, if any does.
    pub async fn last_pending(&self) -> Result<Option<i64>, EventError> {
        on_store!(&self.pool, self.table, store => store.last_pending().await)
    }

    /// The topics that the events that wait, and the dead letters, are bound for. Reads all of both tables.
    pub async fn topics(&self) -> Result<Vec<String>, EventError> {
        on_store!(&self.pool, self.table, store => store.topics().await)
    }

    /// The number of dead letters that a query means. Its limit does not count.
    pub async fn count_dead_letters(&self, query: &DeadLetterQuery) -> Result<u64, EventError> {
        on_store!(&self.pool, self.table, store => store.count_dead(query).await)
    }

    /// How many delivered events are [kept](crate::OutboxRelayBuilder::keep_published) that were delivered longer ago than `age`.
    pub async fn count_published(&self, age: Duration) -> Result<u64, EventError> {
        on_store!(&self.pool, self.table, store => store.count_published(age).await)
    }

    /// Deletes `limit` [kept](crate::OutboxRelayBuilder::keep_published) events at the most that were delivered longer ago
    /// than `age`; answers how many.
    pub async fn forget_published(&self, age: Duration, limit: u32) -> Result<u64, EventError> {
        on_store!(&self.pool, self.table, store => store.forget(age, limit.into()).await)
    }
}
