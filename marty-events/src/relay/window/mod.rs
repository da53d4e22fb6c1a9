//! The send window: the rows that a relay knows of, and which of them may be sent.
//!
//! One row of an ordering key is under way at a time, or one [bundle] of them, so that a refused row has no successor that got through
//! before it.
//! The window keeps a row in one of three ways. A *whole* row has its payload here and takes room. A *number* stands for a row
//! whose turn is to come; the row is loaded when it does. A row that is *left behind* is not kept at all: the hash of its key is
//! closed, so that no successor overtakes it, and the rows behind are read once more when their turn may have come.
//!
//! Each of them is bounded, but for the hashes of closed keys, which take a few bytes a key. A blocked key, a hot key, a topic that
//! refuses everything and a partition that does not answer keep numbers, or are left behind, and crowd nobody out.

mod admission;
mod bundle;
mod destinations;
mod key;
mod left_behind;
mod numbers;
mod outcome;
mod row;
mod settling;
mod suffering;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use jiff::Timestamp;

use crate::{kafka::Partitioner, outbox::RowId};

pub(super) use admission::Source;
pub(super) use bundle::BUNDLE;

use destinations::{Destinations, Place};
use key::{Key, Noted};
use left_behind::LeftBehind;
use numbers::ByNumber;
use row::{Row, State};

/// The limits of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) rows: usize,
    pub(super) bytes: usize,
    /// Rows of one key that are held whole, and the same while half of the window is free.
    pub(super) of_key: usize,
    pub(super) of_key_alone: usize,
    /// Numbers of keys that go on, and as many of keys that do not.
    pub(super) numbers: usize,
    /// Refused rows that are held, each without its payload. Further ones are left behind.
    pub(super) held: usize,
    /// Rows of a topic that are tried at a time, where the topic has refused as many rows as one event may be refused.
    pub(super) last_tries: usize,
    /// Rows of a bundle, and the most bytes that they may have.
    pub(super) bundle: usize,
    pub(super) bundle_bytes: usize,
}

impl Limits {
    pub(super) fn new(rows: usize, bytes: usize) -> Self {
        Self {
            rows,
            bytes,
            of_key: 100,
            of_key_alone: 1_000,
            numbers: 50_000,
            held: 10_000,
            last_tries: 500,
            bundle: BUNDLE,
            bundle_bytes: bundle::BUNDLE_BYTES,
        }
    }
}

#[derive(Debug)]
pub(super) struct Window {
    limits: Limits,
    partitioner: Partitioner,
    rows: ByNumber<Row>,
    /// Rows that are here with their payloads, and the bytes of these.
    whole: usize,
    bytes: usize,
    keys: HashMap<Arc<str>, Key>,
    /// Empty lists of keys that are gone: most keys have one row here, and need no memory of their own for its number.
    spare: Vec<VecDeque<i64>>,
    destinations: Destinations,
    /// The key of each number; nothing for a row without one.
    numbers: BTreeMap<i64, Option<Arc<str>>>,
    /// The numbers of rows without a key.
    unordered: BTreeMap<i64, Noted>,
    /// Numbers of keys that go on, and of keys that do not.
    going: usize,
    suffering: usize,
    /// A row of a key that goes on was left behind for want of numbers.
    overflowed: bool,
    /// Keys with numbers that may be read whole now.
    hungry: BTreeSet<Arc<str>>,
    /// Refused rows that wait to be tried again, and those whose time has come.
    parked: BTreeSet<(Instant, i64)>,
    due: BTreeSet<i64>,
    /// Refused rows: being judged, parked or due.
    held: usize,
    /// A row was left behind for want of a place to hold it.
    held_overflowed: bool,
    left: LeftBehind,
    /// Rows that cannot be read.
    unreadable: HashSet<i64>,
    /// Each with its lane.
    delivered: Vec<(RowId, i32)>,
    /// Delivered rows that somebody else has locked in the outbox.
    locked: Vec<(RowId, i32)>,
    /// Rows that are out of the outbox, by when that was heard: a page that was asked for before may still have them.
    gone: VecDeque<(Instant, i64)>,
    /// The rows that were sent, in that order. Rows that have landed meanwhile are passed over.
    sent: VecDeque<(Instant, i64)>,
    under_way: usize,
    /// Rows under way to a destination that does not answer: they take no room, up to as many as the window has.
    set_aside: usize,
    /// Topics with a bundle under way, by their index, and the number of bundles that have failed in part.
    bundled: HashSet<usize>,
    torn: usize,
    /// A number turned out to be of another event than before.
    was_set_back: bool,
}

impl Window {
    pub(super) fn new(limits: Limits, partitioner: Partitioner) -> Self {
        Self {
            limits,
            partitioner,
            rows: ByNumber::default(),
            whole: 0,
            bytes: 0,
            keys: HashMap::new(),
            spare: Vec::new(),
            destinations: Destinations::new(limits.last_tries),
            numbers: BTreeMap::new(),
            unordered: BTreeMap::new(),
            going: 0,
            suffering: 0,
            overflowed: false,
            hungry: BTreeSet::new(),
            parked: BTreeSet::new(),
            due: BTreeSet::new(),
            held: 0,
            held_overflowed: false,
            left: LeftBehind::default(),
            unreadable: HashSet::new(),
            delivered: Vec::new(),
            locked: Vec::new(),
            gone: VecDeque::new(),
            sent: VecDeque::new(),
            under_way: 0,
            set_aside: 0,
            bundled: HashSet::new(),
            torn: 0,
            was_set_back: false,
        }
    }

    /// The room for further rows and bytes.
    pub(super) fn room(&self) -> (usize, usize) {
        // Locked rows take no room, as long as they are not very many.
        let locked = self.locked.len().saturating_sub(10 * self.limits.rows);
        let held = self.whole + self.delivered.len() + locked;
        (self.limits.rows.saturating_sub(held), self.limits.bytes.saturating_sub(self.bytes))
    }

    /// Rows that were handed to the client and are not reported on.
    pub(super) fn under_way(&self) -> usize {
        self.under_way + self.set_aside
    }

    /// Rows that were handed to the client, but for those of destinations that do not answer.
    pub(super) fn awaited(&self) -> usize {
        self.under_way
    }

    /// When the oldest row was sent that is awaited.
    pub(super) fn oldest_awaited(&mut self) -> Option<Instant> {
        while let Some(&(at, seq)) = self.sent.front() {
            if self.rows.get(&seq).is_some_and(|row| row.state == State::UnderWay { since: at }) {
                return Some(at);
            }
            self.sent.pop_front();
        }
        None
    }

    /// A row is ready to be sent.
    pub(super) fn has_ready(&self) -> bool {
        self.destinations.have_turns()
    }

    /// The lowest number of a row that is not settled.
    pub(super) fn lowest(&self) -> Option<i64> {
        let rows = self.rows.iter().filter(|(_, row)| row.state != State::Gone).map(|(seq, _)| *seq);
        let numbers = self.numbers.first_key_value().map(|(seq, _)| *seq);
        rows.chain(numbers).chain(self.left.lowest()).min()
    }

    /// When the oldest event was written that waits here.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let waits = |row: &&Row| !matches!(row.state, State::Delivered | State::Gone);
        let rows = self.rows.values().filter(waits).map(|row| row.created_at);
        let noted = self.keys.values().flat_map(|key| key.numbers.values()).chain(self.unordered.values());
        rows.chain(noted.map(|noted| noted.created_at)).chain(self.left.oldest()).min()
    }

    /// The outbox gave a number again that is here already, so that nothing here can be trusted any more.
    pub(super) fn was_set_back(&self) -> bool {
        self.was_set_back
    }

    pub(super) fn row(&self, seq: i64) -> Option<&Row> {
        self.rows.get(&seq)
    }

    /// The topic of a row, and its bytes.
    pub(super) fn topic_and_size(&self, seq: i64) -> Option<(Arc<str>, usize)> {
        self.rows.get(&seq).map(|row| (self.destinations.topic(row.place), row.size))
    }

    /// The topics of rows that were sent before `then` and are awaited.
    pub(super) fn late_topics(&self, then: Instant) -> BTreeSet<Arc<str>> {
        let late = self.rows.values().filter(|row| matches!(row.state, State::UnderWay { since } if since <= then));
        late.map(|row| self.destinations.topic(row.place)).collect()
    }

    /// Topics that refuse everything, and destinations that do not answer.
    pub(super) fn suffering(&self) -> usize {
        self.destinations.suffering()
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
