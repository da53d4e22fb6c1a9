//! The inbox: the events that a group of consumers has taken, and the rows of keys that wait.
//!
//! An event is taken by one row for group and id, in the transaction of its effect: the handler's writes, or the row of a parked event.
//! [`migrate`] makes the tables.

mod delivery;
mod encoding;
mod fault;
mod letter;
mod migrations;
#[cfg(feature = "mysql")]
mod mysql;
mod people;
#[cfg(feature = "postgres")]
mod postgres;
mod repository;
mod row;
#[cfg(feature = "sqlite")]
mod sqlite;
mod table;

use std::{future::Future, sync::Arc, time::Duration};

use jiff::Timestamp;
use sqlx::{Database, Pool, Transaction};

#[doc(hidden)]
pub use delivery::Delivery;
pub use letter::{InboxGroup, InboxLetter, InboxQuery, ParkedEvent, ParkedKey};
pub use migrations::{migrate, migrate_table};
pub use repository::InboxRepository;
pub use table::InboxTable;

pub(crate) use fault::commit_error;

use crate::EventError;

/// A database whose transactions can have an inbox. Implemented for `sqlx::Postgres`, `sqlx::MySql` and `sqlx::Sqlite`, and sealed.
pub trait InboxDatabase: Database {
    #[doc(hidden)]
    type Inbox: Inbox<Database = Self>;

    #[doc(hidden)]
    fn inbox(pool: Pool<Self>, table: InboxTable, group: Arc<str>) -> Self::Inbox;
}

#[doc(hidden)]
/// The identity of an event in a group, and the key whose order it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The event's id, at most 255 bytes: the header `ce_id`, the envelope's id, or topic, partition, offset and
    /// time of a record without an id.
    pub event_id: String,
    /// The key of the order within the topic, at most 255 bytes; the record's own id for a record without a key.
    pub key: Vec<u8>,
}

#[doc(hidden)]
/// The answer to an event that would be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is new, and its row is in the transaction.
    Taken,
    /// The group has taken it before.
    Duplicate,
    /// It is new and its row is in the transaction, but events of its key wait: it has to be parked behind them.
    Behind,
}

#[doc(hidden)]
/// An event of a key that waits.
#[derive(Debug, Clone)]
pub struct Parked {
    /// Its number in the table.
    pub id: i64,
    /// Its id and the key of its order.
    pub identity: Identity,
    /// `attempt` is the number of the next call.
    pub delivery: Delivery,
}

#[doc(hidden)]
/// The end of a transaction whose effect is to stay.
#[derive(Debug)]
pub enum Committed<DB: Database> {
    /// It is committed.
    Done,
    /// It is committed, and the next transaction has begun on its connection in the same round trip.
    Next(Transaction<'static, DB>),
    /// The database had ended it before, so nothing is committed. This is left to roll back.
    Undone(Transaction<'static, DB>),
}

#[doc(hidden)]
/// The next step for a parked event that failed once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is tried again after this pause.
    Retry(Duration),
    /// It is a dead letter, and its key goes on.
    Bury,
    /// It is a dead letter, and its key waits until somebody requeues or discards it.
    Hold,
}

impl Fate {
    /// True if the event is a dead letter now.
    pub(crate) fn is_last(self) -> bool {
        matches!(self, Self::Bury | Self::Hold)
    }
}

#[doc(hidden)]
/// Why an event is parked: nothing for one that waits behind others of its key.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The number of calls that failed.
    pub attempts: u32,
    /// The error's text.
    pub reason: String,
    /// The next step.
    pub fate: Fate,
}

#[doc(hidden)]
/// The inbox of one group in one database.
pub trait Inbox: Clone + Send + Sync + 'static {
    /// The database of its transactions.
    type Database: Database;

    /// Fails unless the tables are there, of this version, and open to this user.
    fn validate(&self) -> impl Future<Output = Result<(), EventError>> + Send;

    /// A transaction at the level that the inbox's statements are made for.
    fn begin(&self) -> impl Future<Output = Result<Transaction<'static, Self::Database>, EventError>> + Send;

    /// Takes the event for the group. Waits for another transaction that is about to take the same event, and answers by its outcome.
    fn claim(
        &self,
        connection: &mut <Self::Database as Database>::Connection,
        delivery: &Delivery,
        identity: &Identity,
    ) -> impl Future<Output = Result<Claim, EventError>> + Send;

    /// The same for many events in one statement (two at most): the answers in their order. Of several events of a key those behind a
    /// parked one are [`Claim::Behind`].
    fn claim_all(
        &self,
        connection: &mut <Self::Database as Database>::Connection,
        events: &[(&Delivery, &Identity)],
    ) -> impl Future<Output = Result<Vec<Claim>, EventError>> + Send;

    /// True if the transaction is still the one that [`begin`](Self::begin) began. A database may have rolled it back at an error that the
    /// handler passed over, and then the commit does nothing and says nothing.
    fn is_open(
        &self,
        connection: &mut <Self::Database as Database>::Connection,
    ) -> impl Future<Output = Result<bool, EventError>> + Send;

    /// True if the group has taken the event. Asked behind a transaction that [is not open](Self::is_open) any more: its own row of the event
    /// is there where a statement of the handler has committed it.
    fn has_taken(
        &self,
        connection: &mut <Self::Database as Database>::Connection,
        identity: &Identity,
    ) -> impl Future<Output = Result<bool, EventError>> + Send;

    /// Lets the database end a statement of a handler that runs for longer, where it can. The claim of an event may wait for longer.
    #[must_use]
    fn bounded(self, _longest_call: Duration) -> Self {
        self
    }

    /// Commits a transaction of [`begin`](Self::begin) if it [is open](Self::is_open).
    fn commit(
        &self,
        mut transaction: Transaction<'static, Self::Database>,
    ) -> impl Future<Output = Result<Committed<Self::Database>, EventError>> + Send {
        async move {
            if !self.is_open(&mut transaction).await? {
                return Ok(Committed::Undone(transaction));
            }
            transaction.commit().await.map_err(fault::commit_error)?;
            Ok(Committed::Done)
        }
    }

    /// Commits a transaction of [`begin`](Self::begin) in which no handler was called, so that it is still open.
    fn commit_own(
        &self,
        transaction: Transaction<'static, Self::Database>,
    ) -> impl Future<Output = Result<Committed<Self::Database>, EventError>> + Send {
        async move { transaction.commit().await.map(|()| Committed::Done).map_err(fault::commit_error) }
    }

    /// Makes sure that there is a transaction to roll back. A handler, or an error, may have ended it.
    fn reopen(&self, _: &mut <Self::Database as Database>::Connection) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Begins the transaction behind a commit, [`Committed::Next`], once more: its time is this one's then. Nothing may have been done in it.
    fn renew(
        &self,
        _: &mut <Self::Database as Database>::Connection,
    ) -> impl Future<Output = Result<(), EventError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Writes the row of an event that waits, in the transaction that has taken it. `None` for one that waits behind others of its key.
    fn park(
        &self,
        connection: &mut <Self::Database as Database>::Connection,
        delivery: &Delivery,
        identity: &Identity,
        failure: Option<&Failure>,
    ) -> impl Future<Output = Result<(), EventError>> + Send;

    /// Locks the first event of a key whose time has come, of this group and any topic, that no other transaction has locked; and the time
    /// until the next one comes due where there is none. A key whose first event is held, or not due yet, is not looked at.
    fn next_due(
        &self,
        connection: &mut <Self::Database as Database>::Connection,
    ) -> impl Future<Output = Result<Due, EventError>> + Send;

    /// Deletes the row of a parked event whose handler has succeeded, in the transaction in which [`next_due`](Self::next_due) has locked it.
    /// The next event of the key is due at once.
    fn unpark(
        &self,
        connection: &mut <Self::Database as Database>::Connection,
        id: i64,
    ) -> impl Future<Output = Result<(), EventError>> + Send;

    /// Writes a failure of a parked event down, in a transaction of its own. False where the row is gone, or has as many attempts already.
    fn fail(&self, id: i64, failure: &Failure) -> impl Future<Output = Result<bool, EventError>> + Send;

    /// Deletes, `limit` at the most, the rows of events that were taken `age` ago or longer and are not parked. Where that were all, a key
    /// goes on whose first event somebody has deleted by hand.
    fn forget(&self, age: Duration, limit: u32) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// Counts the group's events.
    fn stats(&self) -> impl Future<Output = Result<InboxStats, EventError>> + Send;
}

#[doc(hidden)]
/// The answer of [`Inbox::next_due`].
#[derive(Debug, Clone)]
pub enum Due {
    /// This event is locked, and can be tried.
    Now(Box<Parked>),
    /// The next one is due after this time; `None` where nothing waits.
    After(Option<Duration>),
}

/// The counts of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct InboxStats {
    /// Events that wait, without dead letters.
    pub parked: u64,
    /// The keys that wait: they have events that wait, or a dead letter that holds them.
    pub parked_keys: u64,
    /// Dead letters, with those whose keys wait.
    pub dead_letters: u64,
    /// When the first event of the keys that wait was parked. It may be a dead letter that holds its key.
    pub oldest_parked: Option<Timestamp>,
}
