//! The people's half of a database: the questions of operators, which no relay asks.

use std::{future::Future, time::Duration};

use jiff::Timestamp;
use uuid::Uuid;

use super::{DeadLetter, DeadLetterFilter, DeadLetterPlace, PendingEvent, RelayStatus};
use crate::EventError;

/// A look into the outbox in one database. Every method is one statement.
pub(crate) trait Inspect {
    /// The database's clock.
    fn clock(&self) -> impl Future<Output = Result<Timestamp, EventError>> + Send;

    /// What of the server's settings weakens a promise.
    fn cautions(&self) -> impl Future<Output = Result<Vec<&'static str>, EventError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// The oldest events that wait, of those with higher numbers than `seq`.
    fn pending_after(&self, seq: i64, limit: i64)
    -> impl Future<Output = Result<Vec<PendingEvent>, EventError>> + Send;

    /// The highest number of those that wait.
    fn last_pending(&self) -> impl Future<Output = Result<Option<i64>, EventError>> + Send;

    /// Where the events that wait, and the dead ones, are bound for; in the order of the alphabet.
    fn topics(&self) -> impl Future<Output = Result<Vec<String>, EventError>> + Send;

    fn find_dead(
        &self,
        filter: &DeadLetterFilter,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, EventError>> + Send;

    fn locate_dead(
        &self,
        filter: &DeadLetterFilter,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<DeadLetterPlace>, EventError>> + Send;

    fn count_dead(&self, filter: &DeadLetterFilter) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// How many delivered events are kept that were delivered longer ago than `age`.
    fn count_published(&self, age: Duration) -> impl Future<Output = Result<u64, EventError>> + Send;

    fn pending(&self, limit: i64) -> impl Future<Output = Result<Vec<PendingEvent>, EventError>> + Send;

    /// In the order of their numbers and ids, those behind `after`.
    fn dead_letters(
        &self,
        after: (i64, Uuid),
        limit: i64,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, EventError>> + Send;

    fn dead_letter(&self, id: Uuid) -> impl Future<Output = Result<Option<DeadLetter>, EventError>> + Send;

    /// Those that are known, in the order in which they began.
    fn relays(&self) -> impl Future<Output = Result<Vec<RelayStatus>, EventError>> + Send;

    /// Puts dead letters that have their payload back at the outbox's end, with their ids and no attempts; answers how many
    /// there were.
    fn requeue(&self, ids: &[Uuid]) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// Deletes dead letters.
    fn discard(&self, ids: &[Uuid]) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// Empties dead letters of their payloads and headers.
    fn redact(&self, ids: &[Uuid]) -> impl Future<Output = Result<u64, EventError>> + Send;
}
