//! What the relay and the repository ask of a database.

use std::{future::Future, time::Duration};

use uuid::Uuid;

use super::{DeadLetter, OutboxStats, PendingEvent, row::Columns};
use crate::EventError;

/// A relay's right to deliver, until it expires or another term begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) owner: Uuid,
    /// Issued by the database; grows with every change of owner.
    pub(crate) term: i64,
}

/// Whether a statement found the lease it was made under still in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Tenure {
    /// It did, and the statement took effect.
    Held,
    /// Another relay has taken over; nothing was changed.
    Lost,
}

/// One page of undelivered rows, and the rows that this version cannot read.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<PendingEvent>,
    pub(crate) unreadable: Vec<Unreadable>,
}

/// A row that this version cannot read; it waits, and its key with it, for a version that can.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) seq: i64,
    pub(crate) ordering_key: Option<String>,
    pub(crate) error: EventError,
}

impl Page {
    pub(crate) fn of(rows: Vec<Columns>) -> Self {
        let mut page = Self::default();
        for columns in rows {
            let (seq, ordering_key) = (columns.seq, columns.ordering_key.clone());
            match columns.event() {
                Ok(event) => page.rows.push(event),
                Err(error) => page.unreadable.push(Unreadable { seq, ordering_key, error }),
            }
        }
        page
    }
}

/// The outbox in one database. Every method is one statement, or one transaction where the database needs several.
pub(crate) trait Store: Clone + Send + Sync + 'static {
    /// Takes the lease if nobody holds it.
    fn acquire(
        &self,
        owner: Uuid,
        time_to_live: Duration,
    ) -> impl Future<Output = Result<Option<Lease>, EventError>> + Send;

    /// Puts the lease's end off, also where it has passed and nobody has taken over.
    fn renew(&self, lease: Lease, time_to_live: Duration) -> impl Future<Output = Result<Tenure, EventError>> + Send;

    /// Gives the lease back, so that another relay can begin at once.
    fn release(&self, lease: Lease) -> impl Future<Output = Result<(), EventError>> + Send;

    /// The oldest undelivered rows but those in `seqs` and those of the ordering keys in `keys`.
    fn fetch(&self, limit: i64, seqs: &[i64], keys: &[String])
    -> impl Future<Output = Result<Page, EventError>> + Send;

    /// Removes delivered rows and counts them.
    fn settle(&self, lease: Lease, seqs: &[i64]) -> impl Future<Output = Result<Tenure, EventError>> + Send;

    /// Notes that the broker refused a row.
    fn refuse(&self, lease: Lease, seq: i64, reason: &str) -> impl Future<Output = Result<Tenure, EventError>> + Send;

    /// Moves a row to the dead letters.
    fn bury(&self, lease: Lease, seq: i64, reason: &str) -> impl Future<Output = Result<Tenure, EventError>> + Send;

    fn pending(&self, limit: i64) -> impl Future<Output = Result<Vec<PendingEvent>, EventError>> + Send;

    fn dead_letters(&self, limit: i64) -> impl Future<Output = Result<Vec<DeadLetter>, EventError>> + Send;

    /// Puts dead letters back at the outbox's end, with their ids and no attempts; answers how many there were.
    fn requeue(&self, ids: &[Uuid]) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// Deletes dead letters.
    fn discard(&self, ids: &[Uuid]) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// Deletes the dead letters that died longer ago than `age`.
    fn cleanup(&self, age: Duration) -> impl Future<Output = Result<u64, EventError>> + Send;

    fn stats(&self) -> impl Future<Output = Result<OutboxStats, EventError>> + Send;
}

/// Turns what a database said into an error that says what to do.
pub(crate) fn database_error(operation: &'static str, table: &super::OutboxTable, source: sqlx::Error) -> EventError {
    let missing = source.as_database_error().is_some_and(|error| {
        // PostgreSQL: 42P01 undefined_table. SQLite has only the generic code 1, so its text decides.
        error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
    });
    if missing {
        EventError::OutboxTableMissing { table: table.to_string(), source }
    } else {
        EventError::Outbox { operation, source }
    }
}

/// Milliseconds, for intervals in SQL.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A count that the database gives as a signed number.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
