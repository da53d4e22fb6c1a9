//! The rows that a relay knows of, and which of them may be sent.
//!
//! At most one row of an ordering key is under way at a time, so that a refused row has no successor that got through
//! before it. A key whose first row was refused is blocked. Of what a blocked key, or one with many rows, has besides, only
//! the numbers are kept until its turn comes: a poison event and a hot key take no room from others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use crate::outbox::{Number, Record, RowId};

/// How many rows of one key are held whole.
const WHOLE_ROWS: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Window {
    rows: HashMap<i64, Row>,
    /// What the rows have of headers and payloads.
    bytes: usize,
    keys: HashMap<Arc<str>, Key>,
    ready: VecDeque<i64>,
    /// Refused with their batch: to be sent with nothing else under way.
    alone: VecDeque<i64>,
    parked: BTreeSet<(Instant, i64)>,
    /// Keys with numbers that may be read whole now.
    hungry: BTreeSet<Arc<str>>,
    /// The numbers of rows without a key that are not here, each with its size.
    unordered: BTreeMap<i64, usize>,
    /// Rows that cannot be read, and for each of their keys the first of them: what follows it waits.
    unreadable: HashSet<i64>,
    closed: HashMap<String, i64>,
    /// Each with its lane.
    delivered: Vec<(RowId, i32)>,
    /// A number turned out to be of another event than before.
    was_set_back: bool,
    under_way: usize,
    /// Whether the row under way is one that must be sent alone.
    quiet: bool,
}

#[derive(Debug)]
struct Row {
    event: Record,
    /// Refused together with other rows of its batch, so that it is tried alone next.
    suspected: bool,
}

#[derive(Debug, Default)]
struct Key {
    /// The rows that are here, in order; the first is ready, under way or parked.
    whole: VecDeque<i64>,
    /// The numbers of those that are not, each with its size.
    numbers: BTreeMap<i64, usize>,
    is_blocked: bool,
}

impl Key {
    fn wants_rows(&self) -> bool {
        !self.is_blocked && !self.numbers.is_empty() && self.whole.len() <= WHOLE_ROWS / 2
    }
}

impl Window {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many bytes of headers and payloads the rows have that are here.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    /// Takes in a row that was read; one that is here already stays as it is.
    pub(super) fn admit(&mut self, event: Record) {
        let seq = event.seq;
        if let Some(known) = self.rows.get(&seq) {
            self.was_set_back |= known.event.event_id != event.event_id;
            return;
        }
        let Some(name) = event.ordering_key.clone() else {
            self.take_in(event);
            self.make_ready(seq, false);
            return;
        };
        if self.closed.get(&*name).is_some_and(|first| *first < seq) {
            return;
        }
        let key = self.keys.entry(name.clone()).or_default();
        let is_next = key.numbers.first_key_value().is_none_or(|(first, _)| seq <= *first);
        if key.is_blocked || !is_next || WHOLE_ROWS <= key.whole.len() {
            key.numbers.insert(seq, event.size());
            if key.wants_rows() {
                self.hungry.insert(name);
            }
            return;
        }
        key.numbers.remove(&seq);
        let is_first = key.whole.is_empty();
        // Never before the first, which may be under way.
        let place = key.whole.iter().skip(1).position(|other| seq < *other).map_or(key.whole.len(), |place| place + 1);
        key.whole.insert(place, seq);
        self.take_in(event);
        if is_first {
            self.make_ready(seq, false);
        }
    }

    fn take_in(&mut self, event: Record) {
        self.bytes += event.size();
        // Whether an earlier refusal was its own is not known any more.
        let suspected = 0 < event.attempts;
        self.rows.insert(event.seq, Row { event, suspected });
    }

    fn let_go(&mut self, seq: i64) {
        if let Some(row) = self.rows.remove(&seq) {
            self.bytes -= row.event.size();
        }
    }

    /// Takes note of a row that was not read whole.
    pub(super) fn note(&mut self, number: Number) {
        let Number { seq, ordering_key, size, .. } = number;
        if self.rows.contains_key(&seq) {
            return;
        }
        let Some(name) = ordering_key.map(Arc::<str>::from) else {
            self.unordered.insert(seq, size);
            return;
        };
        let key = self.keys.entry(name.clone()).or_default();
        key.numbers.insert(seq, size);
        if key.wants_rows() {
            self.hungry.insert(name);
        }
    }

    /// Whether the outbox gave a number again that is here already, so that nothing here can be trusted any more.
    pub(super) fn was_set_back(&self) -> bool {
        self.was_set_back
    }

    /// The numbers of rows whose turn may come soon, to be read whole, and the bytes that they have: `limit` rows at the most, with
    /// `bytes` at the most. Where nothing is here yet, there is room for one of any size.
    pub(super) fn wanted(&self, limit: usize, bytes: usize) -> (Vec<i64>, usize) {
        let mut wanted = Vec::new();
        let mut used = 0_usize;
        for (seq, size) in self.wants().take(limit) {
            let with_it = used.saturating_add(*size);
            if bytes < with_it && !(self.rows.is_empty() && wanted.is_empty()) {
                break;
            }
            used = with_it;
            wanted.push(*seq);
        }
        (wanted, used)
    }

    /// Whether there are more rows than `count` whose turn may come soon, and which are not here.
    pub(super) fn wants_more_than(&self, count: usize) -> bool {
        self.wants().nth(count).is_some()
    }

    fn wants(&self) -> impl Iterator<Item = (&i64, &usize)> {
        let keys = self.hungry.iter().filter_map(|name| self.keys.get(name));
        let next = keys.flat_map(|key| key.numbers.iter().take(WHOLE_ROWS - key.whole.len().min(WHOLE_ROWS)));
        self.unordered.iter().chain(next)
    }

    /// The answer to the wish for the rows `wanted`. What is not among `rows` is gone from the outbox.
    pub(super) fn loaded(&mut self, wanted: &[i64], rows: Vec<Record>) {
        for seq in wanted {
            self.unordered.remove(seq);
        }
        for name in std::mem::take(&mut self.hungry) {
            if let Some(key) = self.keys.get_mut(&name) {
                for seq in wanted {
                    key.numbers.remove(seq);
                }
                if key.wants_rows() {
                    self.hungry.insert(name);
                } else if key.whole.is_empty() && key.numbers.is_empty() && !key.is_blocked {
                    self.keys.remove(&name);
                }
            }
        }
        for event in rows {
            self.admit(event);
        }
    }

    /// Leaves out, until a restart, a row that this version cannot read, and its key. Answers whether that is new.
    pub(super) fn set_aside(&mut self, seq: i64, ordering_key: Option<String>) -> bool {
        if let Some(key) = ordering_key {
            let first = self.closed.entry(key).or_insert(seq);
            *first = seq.min(*first);
        }
        self.unreadable.insert(seq)
    }

    /// The next row to send, which is under way from here on.
    pub(super) fn take(&mut self) -> Option<&Record> {
        if self.quiet {
            return None;
        }
        let seq = if self.alone.is_empty() {
            self.ready.pop_front()?
        } else if self.under_way == 0 {
            self.quiet = true;
            self.alone.pop_front()?
        } else {
            return None;
        };
        self.under_way += 1;
        self.rows.get(&seq).map(|row| &row.event)
    }

    /// The client or the broker is away: the row goes back to where it was.
    pub(super) fn put_back(&mut self, seq: i64) {
        self.landed();
        self.make_ready(seq, true);
    }

    /// The broker has the row. It stays in the window until it is settled, and its key goes on.
    pub(super) fn delivered(&mut self, seq: i64) {
        self.landed();
        if let Some(row) = self.rows.get(&seq) {
            self.delivered.push((row.event.row_id(), row.event.lane));
        }
        self.advance(seq);
    }

    /// The broker refused the row: it is parked until `retry_at`, and its key is blocked. `with_batch` when the refusal
    /// may have been another row's.
    pub(super) fn refused(&mut self, seq: i64, retry_at: Instant, with_batch: bool) {
        self.landed();
        let Some(row) = self.rows.get_mut(&seq) else { return };
        row.event.attempts += 1;
        row.suspected = with_batch;
        self.parked.insert((retry_at, seq));
        if let Some(name) = &row.event.ordering_key
            && let Some(key) = self.keys.get_mut(name)
        {
            key.is_blocked = true;
            self.hungry.remove(name);
            for waiting in key.whole.split_off(1) {
                if let Some(row) = self.rows.remove(&waiting) {
                    let size = row.event.size();
                    self.bytes -= size;
                    key.numbers.insert(waiting, size);
                }
            }
        }
    }

    /// The broker refused the row for good, and it is in the dead letters now: its key goes on.
    pub(super) fn buried(&mut self, seq: i64) {
        self.landed();
        self.advance(seq);
        self.let_go(seq);
    }

    /// Whether the row was sent with nothing else under way.
    pub(super) fn was_alone(&self, seq: i64) -> bool {
        self.rows.get(&seq).is_some_and(|row| row.suspected)
    }

    pub(super) fn attempts(&self, seq: i64) -> u32 {
        self.rows.get(&seq).map_or(0, |row| u32::try_from(row.event.attempts).unwrap_or_default())
    }

    pub(super) fn event(&self, seq: i64) -> Option<&Record> {
        self.rows.get(&seq).map(|row| &row.event)
    }

    /// Delivered rows that are still in the outbox, each with its lane.
    pub(super) fn unsettled(&self) -> &[(RowId, i32)] {
        &self.delivered
    }

    /// The first `count` unsettled rows are out of the outbox.
    pub(super) fn settled(&mut self, count: usize) {
        for (row, _) in self.delivered.drain(..count).collect::<Vec<_>>() {
            self.let_go(row.seq);
        }
    }

    /// When the first parked row is due.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.parked.first().map(|(at, _)| *at)
    }

    pub(super) fn unpark(&mut self, now: Instant) {
        while let Some(&(at, seq)) = self.parked.first() {
            if now < at {
                return;
            }
            self.parked.pop_first();
            self.make_ready(seq, false);
        }
    }

    fn landed(&mut self) {
        self.under_way -= 1;
        self.quiet = false;
    }

    fn make_ready(&mut self, seq: i64, first: bool) {
        let Some(row) = self.rows.get(&seq) else { return };
        let queue = if row.suspected { &mut self.alone } else { &mut self.ready };
        if first {
            queue.push_front(seq);
        } else {
            queue.push_back(seq);
        }
    }

    /// The first row of a key is done: unblocks the key and makes its next row ready.
    fn advance(&mut self, seq: i64) {
        let Some(name) = self.rows.get(&seq).and_then(|row| row.event.ordering_key.clone()) else { return };
        let Some(key) = self.keys.get_mut(&name) else { return };
        key.is_blocked = false;
        key.whole.pop_front();
        let next = key.whole.front().copied();
        if key.wants_rows() {
            self.hungry.insert(name);
        } else if key.whole.is_empty() && key.numbers.is_empty() {
            self.keys.remove(&name);
        }
        if let Some(next) = next {
            self.make_ready(next, false);
        }
    }
}

#[cfg(test)]
mod tests;
