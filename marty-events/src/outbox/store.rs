//! What the relay and the repository ask of a database.

use std::{future::Future, time::Duration};

use uuid::Uuid;

#[cfg(any(feature = "mysql", feature = "sqlite"))]
use super::row::Columns;
use super::{DeadLetter, OutboxStats, PendingEvent, Record, RelayStatus, lanes::Lane, wake::Wake};
use crate::EventError;

/// How a relay stands, by the database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// The lanes that are its own until the lease ends.
    pub(crate) lanes: Vec<Lane>,
    /// How many of them other relays wait for.
    pub(crate) surplus: usize,
    /// When the first lease of another relay runs out, unless it is renewed.
    pub(crate) next_expiry: Option<Duration>,
    /// Whether there is something to read behind the position; not asked where no page was read yet, which is done anyway.
    pub(crate) has_news: bool,
}

/// Whether a statement found the lanes it was made under still in the relay's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Tenure {
    /// It did, and the statement took effect.
    Held,
    /// Another relay has taken over; nothing was changed.
    Lost,
}

/// A row that a relay has: by its number, and by its event, because the number of an outbox that was set back (a restore, a
/// failover to a server that lags behind) is given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowId {
    pub(crate) seq: i64,
    pub(crate) event_id: Uuid,
}

/// A row that the broker refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused<'a> {
    pub(crate) row: RowId,
    /// How often, with this time.
    pub(crate) attempts: i32,
    pub(crate) reason: &'a str,
}

/// One page of undelivered rows in the order of their numbers, and the rows that this version cannot read.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Record>,
    pub(crate) unreadable: Vec<Unreadable>,
    /// Further rows, to be loaded when there is room.
    pub(crate) numbers: Vec<Number>,
    /// There is more to read at once.
    pub(crate) is_full: bool,
}

/// A row that was not read whole.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) seq: i64,
    pub(crate) ordering_key: Option<String>,
    /// How many bytes its headers and payload have.
    pub(crate) size: usize,
}

/// A row that this version cannot read; it waits, and its key with it, for a version that can.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) seq: i64,
    pub(crate) ordering_key: Option<String>,
    pub(crate) error: EventError,
}

impl Page {
    /// Takes in a row, or sets it aside.
    pub(crate) fn add(&mut self, seq: i64, ordering_key: Option<&str>, record: Result<Record, EventError>) {
        match record {
            Ok(record) => self.rows.push(record),
            Err(error) => {
                self.unreadable.push(Unreadable { seq, ordering_key: ordering_key.map(str::to_owned), error });
            }
        }
    }

    #[cfg(any(feature = "mysql", feature = "sqlite"))]
    pub(crate) fn of(rows: Vec<Columns>, is_full: bool) -> Self {
        let mut page = Self { is_full, ..Self::default() };
        for columns in rows {
            let (seq, ordering_key) = (columns.seq, columns.ordering_key.clone());
            page.add(seq, ordering_key.as_deref(), columns.record());
        }
        page
    }
}

/// How far a relay has read.
///
/// Whatever a page leaves behind, a later one brings: also a row with a lower number that is committed later. A page
/// holds, of the lanes asked for, every row that its snapshot shows and no page before it held, up to its last; so of two
/// rows of a key that were written one after the other's commit, the first one comes first.
pub(crate) trait Position: Default + Send + Sync + std::fmt::Debug {
    /// Begins anew: rows that were read already come again.
    fn restart(&mut self);

    /// Whether no page was read yet, not even an empty one.
    fn is_new(&self) -> bool;
}

/// The outbox in one database. Every method is one statement, or one transaction where the database needs several.
pub(crate) trait Store: Clone + Send + Sync + 'static {
    type Position: Position;

    /// Whether the tables are there, of this version, and open to this user.
    fn validate(&self) -> impl Future<Output = Result<(), EventError>> + Send;

    /// Says that the relay is alive: puts its leases off, and takes free lanes up to its fair share.
    fn stand(
        &self,
        relay: Uuid,
        lease: Duration,
        position: &Self::Position,
    ) -> impl Future<Output = Result<Standing, EventError>> + Send;

    /// Passes on what other processes announce, until the connection for it is lost. For ever quiet where the database has
    /// no announcements.
    fn listen(&self, wake: &Wake) -> impl Future<Output = Result<(), EventError>> + Send;

    /// Gives lanes back, so that another relay can begin at once.
    fn release(&self, relay: Uuid, lanes: &[Lane]) -> impl Future<Output = Result<(), EventError>> + Send;

    /// Gives everything back: the relay is gone.
    fn leave(&self, relay: Uuid) -> impl Future<Output = Result<(), EventError>> + Send;

    /// The next undelivered rows of `lanes`, `limit` of them or a few times as many. Those that are read whole have `bytes`
    /// of headers and payloads at the most.
    fn fetch(
        &self,
        position: &mut Self::Position,
        lanes: &[Lane],
        limit: i64,
        bytes: i64,
    ) -> impl Future<Output = Result<Page, EventError>> + Send;

    /// These rows, once more.
    fn load(&self, seqs: &[i64]) -> impl Future<Output = Result<Page, EventError>> + Send;

    /// Removes delivered rows of `lanes` and counts them; keeps them elsewhere if `keep`. Takes no other event's row for one
    /// of them.
    fn settle(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        rows: &[RowId],
        keep: bool,
    ) -> impl Future<Output = Result<Tenure, EventError>> + Send;

    /// Notes that the broker refused a row.
    fn refuse(
        &self,
        relay: Uuid,
        lane: Lane,
        refused: Refused<'_>,
    ) -> impl Future<Output = Result<Tenure, EventError>> + Send;

    /// Moves a row to the dead letters.
    fn bury(
        &self,
        relay: Uuid,
        lane: Lane,
        refused: Refused<'_>,
    ) -> impl Future<Output = Result<Tenure, EventError>> + Send;

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

    /// Deletes, `limit` at the most, the dead letters that died longer ago than `age`.
    fn cleanup(&self, age: Duration, limit: i64) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// Deletes, `limit` at the most, the delivered events that were kept longer than `age`.
    fn forget(&self, age: Duration, limit: i64) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// Empties dead letters of their payloads and headers.
    fn redact(&self, ids: &[Uuid]) -> impl Future<Output = Result<u64, EventError>> + Send;

    fn stats(&self) -> impl Future<Output = Result<OutboxStats, EventError>> + Send;
}

/// Turns what a database said into an error that says what to do.
pub(crate) fn database_error(operation: &'static str, table: &super::OutboxTable, source: sqlx::Error) -> EventError {
    let missing = source.as_database_error().is_some_and(|error| {
        // PostgreSQL: 42P01 undefined_table, 42703 undefined_column (tables of an earlier version). MySQL: 42S02 and 42S22.
        // SQLite has only the generic code 1, so its text decides.
        matches!(error.code().as_deref(), Some("42P01" | "42703" | "42S02" | "42S22"))
            || error.message().starts_with("no such table")
            || error.message().starts_with("no such column")
    });
    // PostgreSQL: 42501 insufficient_privilege. MySQL's state is that of many errors; its numbers are
    // ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR and ER_COLUMNACCESS_DENIED_ERROR.
    let forbidden = source.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42501"));
    #[cfg(feature = "mysql")]
    let forbidden =
        forbidden || super::mysql::number(&source).is_some_and(|number| [1044, 1142, 1143].contains(&number));
    if missing {
        EventError::OutboxTableMissing { table: table.to_string(), source }
    } else if forbidden {
        let tables = format!("{table} and the tables named after it");
        EventError::OutboxForbidden { user: "this user".to_owned(), tables }
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
