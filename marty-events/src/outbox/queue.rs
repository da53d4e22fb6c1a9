//! What the relay and the repository ask of a database.

use std::{future::Future, sync::Arc, time::Duration};

use jiff::Timestamp;
use uuid::Uuid;

use super::row::Columns;
use super::{
    Fault, OutboxStats,
    lanes::{Lane, Portion},
    queued_row::{QueuedRow, RowId},
    relays::RelayName,
    rights::forbidden,
    wake::Wake,
};
use crate::EventError;
pub(crate) use crate::database::{LONGEST_TIME, milliseconds};

/// A relay's heartbeat: it is alive, and this is how it fares.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    pub(crate) relay: Uuid,
    pub(crate) name: Arc<RelayName>,
    /// The time that the others wait for the next heartbeat before they take the relay's lanes over.
    pub(crate) lease: Duration,
    /// Its records reach the broker. A relay that does not deliver takes no lanes, and gives its own to relays that do.
    pub(crate) delivers: bool,
    /// The place from which another relay would go on with its lanes, see [`Position::mark`]; `None` leaves the last one as it is.
    pub(crate) mark: Option<String>,
    pub(crate) tally: Tally,
}

/// A relay's count of the events that it has settled.
///
/// The database may take a heartbeat whose answer is lost. So a heartbeat names the sum, and the same events are never added twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// The count in the relay's row, by the last answer.
    pub(crate) recorded: u64,
    /// The number of events that were settled since that answer.
    pub(crate) settled: u64,
}

impl Tally {
    /// The count that a row of this relay has at least. A row that is made anew begins with [`settled`](Self::settled): another relay has
    /// taken over the count of the old row.
    pub(crate) const fn sum(self) -> u64 {
        self.recorded + self.settled
    }
}

/// A relay's lanes and their marks, by the answer to its heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Holding {
    /// The lanes that are its own for another lease.
    pub(crate) lanes: Vec<Lane>,
    /// The marks of these lanes, one for each or one for several; `None` for a lane that no relay has read yet.
    pub(crate) marks: Vec<Option<String>>,
    /// The number of its lanes that other relays should have: those beyond its share, or all of them where it does not deliver and another
    /// relay does.
    pub(crate) surplus: usize,
    /// When the first lease of another relay that has lanes runs out, unless it is renewed.
    pub(crate) next_expiry: Option<Duration>,
    /// There may be something to read behind the position; `false` where that was not asked.
    pub(crate) has_news: bool,
    /// The count of settled events in the relay's row, see [`Tally`].
    pub(crate) published: u64,
}

/// Rows that were dealt with under the relay's lanes, all in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Settled {
    /// These of the rows named are still there: somebody else has them locked just now. All the others are gone, or were before.
    /// The statement waits for nobody's row while it holds the lanes.
    Except(Vec<i64>),
    /// Another relay has taken one of the lanes over; nothing was changed.
    Lost,
}

/// A row that the broker refused.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) row: RowId,
    /// The number of refusals, with this one.
    pub(crate) attempts: i32,
    pub(crate) reason: String,
    /// It goes to the dead letters.
    pub(crate) is_buried: bool,
}

/// One page of undelivered rows in the order of their numbers, and the rows that this version cannot read.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<QueuedRow>,
    pub(crate) unreadable: Vec<Unreadable>,
    /// Further rows, to be loaded when there is room.
    pub(crate) numbers: Vec<Number>,
    /// There is more to read at once.
    pub(crate) is_full: bool,
    /// The number of the last row, where the page was [read again](Queue::reread).
    pub(crate) last: Option<i64>,
}

/// A row that was not read whole.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) seq: i64,
    pub(crate) topic: String,
    pub(crate) key: Option<String>,
    pub(crate) ordering_key: Option<String>,
    /// When it was written, by the database's clock.
    pub(crate) created_at: Timestamp,
    /// The number of bytes that its headers and payload have.
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
    pub(crate) fn add(&mut self, seq: i64, ordering_key: Option<&str>, record: Result<QueuedRow, EventError>) {
        match record {
            Ok(record) => self.rows.push(record),
            Err(error) => {
                self.unreadable.push(Unreadable { seq, ordering_key: ordering_key.map(str::to_owned), error });
            }
        }
    }

    pub(crate) fn of(rows: Vec<Columns>, is_full: bool) -> Self {
        let mut page = Self { is_full, ..Self::default() };
        for columns in rows {
            let (seq, ordering_key) = (columns.seq, columns.ordering_key.clone());
            page.add(seq, ordering_key.as_deref(), columns.record());
        }
        page
    }
}

/// The place up to which a relay has read.
///
/// A later page brings every row that a page leaves behind: also a row with a lower number that is committed later. A page
/// holds, of the lanes asked for, every row that its snapshot shows and no page before it held, up to its last; so of two
/// rows of a key that were written one after the other's commit, the first one comes first.
pub(crate) trait Position: Default + Clone + Send + Sync + std::fmt::Debug + 'static {
    /// The beginning of a relay that has lanes with these marks: at the lowest of them, or at the outbox's beginning where one is
    /// missing or cannot be read.
    fn resume(marks: &[Option<String>]) -> Self;

    /// A text by which another relay can [resume](Self::resume) where every row below `lowest` is settled; everything that was
    /// read, where it is `None`. Nothing before a page was read.
    fn mark(&self, lowest: Option<i64>) -> Option<String>;

    /// No row up to this number is looked for any more. The lowest number there is where all are.
    fn low(&self) -> i64;

    /// Every row up to this number was looked for.
    fn reached(&self) -> i64;

    /// True if no page was read yet, not even an empty one.
    fn is_new(&self) -> bool;
}

/// The outbox in one database. Every method is one statement, or one transaction where the database needs several.
pub(crate) trait Queue: Clone + Send + Sync + 'static {
    type Position: Position;

    /// The same on a pool that nobody else uses: its connections may be made in the store's own way from now on.
    fn with_own_pool(self) -> Self {
        self
    }

    /// Fails unless the tables are there, of this version, and open to this user.
    fn validate(&self) -> impl Future<Output = Result<(), EventError>> + Send;

    /// Puts the relay's lease off, and takes free lanes up to its fair share. Waits for no other statement of the relay's, and for
    /// nobody's row. Where `look` is given it also tells whether there is something to read behind that position; that alone
    /// touches the outbox itself.
    fn heartbeat(
        &self,
        heartbeat: &Heartbeat,
        look: Option<&Self::Position>,
    ) -> impl Future<Output = Result<Holding, EventError>> + Send;

    /// Passes on what other processes announce, until the connection for it is lost. For ever quiet where the database has
    /// no announcements. Tells `wake` once it listens.
    fn listen(&self, wake: &Wake) -> impl Future<Output = Result<(), EventError>> + Send {
        let _ = wake;
        std::future::pending()
    }

    /// Gives lanes back with their mark, so that another relay can begin at once.
    fn release(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        mark: Option<&str>,
    ) -> impl Future<Output = Result<(), EventError>> + Send;

    /// Gives everything back: the relay is gone. Its lanes keep the mark of its last heartbeat.
    fn leave(&self, relay: Uuid) -> impl Future<Output = Result<(), EventError>> + Send;

    /// The next undelivered rows of the portion's lanes, as many as it names or a few times as many. Those that are read whole have no
    /// more bytes than it names.
    fn fetch(
        &self,
        position: &mut Self::Position,
        portion: Portion<'_>,
    ) -> impl Future<Output = Result<Page, EventError>> + Send;

    /// These rows, once more.
    fn load(&self, seqs: &[i64]) -> impl Future<Output = Result<Page, EventError>> + Send;

    /// The rows of the portion's lanes above the first number and not above the second that are visible now, but for those that may come
    /// late behind the position: a successor must not come before them. They come in the order of their numbers, whole where the portion's
    /// bytes allow it.
    fn reread(
        &self,
        position: &Self::Position,
        range: (i64, i64),
        portion: Portion<'_>,
    ) -> impl Future<Output = Result<Page, EventError>> + Send;

    /// The lowest number of a row of any lane that is above `from` and not above `to`: for rows below the position, which came by a
    /// way that knows nothing of it, such as a restore.
    fn first_between(&self, from: i64, to: i64) -> impl Future<Output = Result<Option<i64>, EventError>> + Send;

    /// Removes delivered rows of `lanes`; keeps them elsewhere if `keep`. Takes no other event's row for one of them.
    fn settle(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        rows: &[RowId],
        keep: bool,
    ) -> impl Future<Output = Result<Settled, EventError>> + Send;

    /// Writes refusals of rows of `lanes` down, and moves those that are to be buried to the dead letters.
    fn judge(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        refused: &[Refused],
    ) -> impl Future<Output = Result<Settled, EventError>> + Send;

    /// Deletes, `limit` at the most, the dead letters that died `age` ago or longer.
    fn cleanup(&self, age: Duration, limit: i64) -> impl Future<Output = Result<u64, EventError>> + Send;

    /// Deletes, `limit` at the most, the delivered events that were kept longer than `age`.
    fn forget(&self, age: Duration, limit: i64) -> impl Future<Output = Result<u64, EventError>> + Send;

    fn stats(&self) -> impl Future<Output = Result<OutboxStats, EventError>> + Send;
}

/// Turns what a database said into an error that says what to do.
pub(crate) fn database_error(operation: &'static str, table: &super::OutboxTable, source: sqlx::Error) -> EventError {
    match Fault::of(&source) {
        Fault::Missing => EventError::OutboxTableMissing { table: table.to_string(), source: Box::new(source) },
        Fault::Forbidden => forbidden(operation, table),
        Fault::Hidden => hidden(table.to_string()),
        Fault::Refused => EventError::OutboxRefused { operation, source: Box::new(source) },
        _ => EventError::Outbox { operation, source: Box::new(source) },
    }
}

/// The error about a table that cannot serve.
pub(crate) fn unfit(table: String, problem: impl Into<String>, advice: impl Into<String>) -> EventError {
    EventError::OutboxUnfit { table, problem: problem.into(), advice: advice.into() }
}

/// The error about a table that does not show, or does not take, every row.
pub(crate) fn hidden(table: String) -> EventError {
    let advice = format!(
        "let its owner run `ALTER TABLE {table} DISABLE ROW LEVEL SECURITY`, or `CREATE POLICY marty_events ON {table} TO .. USING (true)` \
         for this user"
    );
    unfit(table, "row-level security hides rows from this user", advice)
}

/// The error about events that a statement was to write and did not: a trigger or a rule stands between.
pub(crate) fn not_kept(table: &super::OutboxTable, written: u64, events: usize) -> Result<(), EventError> {
    if usize::try_from(written) == Ok(events) {
        return Ok(());
    }
    let problem = format!("it took {written} rows for {events} events");
    let advice = "remove the trigger or rule that keeps rows from being written, and roll back";
    Err(unfit(table.to_string(), problem, advice))
}

/// Refuses an outbox without its lanes, as a copy of the schema alone is: no relay would ever have one.
pub(crate) fn has_all_lanes(lanes: i64, table: &super::OutboxTable) -> Result<(), EventError> {
    if lanes == 16 {
        return Ok(());
    }
    let advice = "run `marty_events::outbox::migrate`, which puts them back";
    Err(unfit(format!("{table}_lanes"), format!("it has {lanes} of its 16 rows"), advice))
}
