//! The repository for tools: pages, counts, and work in bounded steps.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    super::{
        DeadLetterGroup, DeadLetterQuery, FoundEvent, PendingEvent, WaitingKey, inspect::Inspect, on_store,
        queue::Queue, search::Search,
    },
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

    /// The dead letters that a query selects, grouped by topic, type and reason; the largest groups first. The query's limit is the number
    /// of groups at the most. Reads all of the selected letters, without their payloads.
    pub async fn dead_letter_groups(
        &self,
        query: impl Into<DeadLetterQuery>,
    ) -> Result<Vec<DeadLetterGroup>, EventError> {
        let query = query.into();
        on_store!(&self.pool, self.table, store => store.dead_letter_groups(&query).await)
    }

    /// The oldest `among` events that wait, grouped by topic and ordering key: `limit` groups at the most, that of the oldest event first.
    pub async fn waiting_keys(&self, among: u32, limit: u32) -> Result<Vec<WaitingKey>, EventError> {
        on_store!(&self.pool, self.table, store => store.waiting_keys(among, limit).await)
    }

    /// The oldest `limit` events that wait behind the number `seq`, without headers and payload. An event that this version cannot read is
    /// among them, with its problem.
    pub async fn waiting_after(&self, seq: i64, limit: u32) -> Result<Vec<FoundEvent>, EventError> {
        on_store!(&self.pool, self.table, store => store.waiting(seq, limit).await)
    }

    /// The event with this id, wherever it is: waiting, dead, or delivered and [kept](crate::OutboxRelayBuilder::keep_published). Searches
    /// tables that have no index for it.
    pub async fn find(&self, id: Uuid) -> Result<Vec<FoundEvent>, EventError> {
        on_store!(&self.pool, self.table, store => store.find(id).await)
    }

    /// The events with this key or ordering key, wherever they are: the oldest `limit` of each place. Searches tables that have no index
    /// for it.
    pub async fn find_by_key(&self, key: &str, limit: u32) -> Result<Vec<FoundEvent>, EventError> {
        on_store!(&self.pool, self.table, store => store.find_by_key(key, limit).await)
    }

    /// How many delivered events are [kept](crate::OutboxRelayBuilder::keep_published) that were delivered `age` ago or longer; all of
    /// them for an age of zero.
    pub async fn count_published(&self, age: Duration) -> Result<u64, EventError> {
        on_store!(&self.pool, self.table, store => store.count_published(age).await)
    }

    /// Deletes `limit` [kept](crate::OutboxRelayBuilder::keep_published) events at the most that were delivered at
    /// least `age` ago; answers how many.
    pub async fn forget_published(&self, age: Duration, limit: u32) -> Result<u64, EventError> {
        on_store!(&self.pool, self.table, store => store.forget(age, limit.into()).await)
    }
}
