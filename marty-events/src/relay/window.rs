//! The rows that a relay holds in memory, and which of them may be sent.
//!
//! At most one row of an ordering key is under way at a time, so that a refused row has no successor that got through
//! before it. A key whose first row was refused is blocked: its other rows leave the window and are not read again until
//! the refused one is delivered or buried, so that a poison event takes no room from others.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Instant,
};

use crate::outbox::PendingEvent;

#[derive(Debug, Default)]
pub(super) struct Window {
    rows: HashMap<i64, Row>,
    /// The rows of each key in order; the first is ready, under way or parked.
    keys: HashMap<String, VecDeque<i64>>,
    ready: VecDeque<i64>,
    /// Refused with their batch: to be sent with nothing else under way.
    alone: VecDeque<i64>,
    parked: BTreeSet<(Instant, i64)>,
    blocked: HashSet<String>,
    /// Rows that cannot be read, and their keys.
    unreadable: HashSet<i64>,
    unreadable_keys: HashSet<String>,
    delivered: Vec<i64>,
    under_way: usize,
    /// Whether the row under way is one that must be sent alone.
    quiet: bool,
}

#[derive(Debug)]
struct Row {
    event: PendingEvent,
    /// Refused together with other rows of its batch, so that it is tried alone next.
    suspected: bool,
}

impl Window {
    /// What the next page must leave out: the rows that are here, and the keys that are blocked.
    pub(super) fn exclusions(&self) -> (Vec<i64>, Vec<String>) {
        let seqs = self.rows.keys().chain(&self.unreadable).copied().collect();
        let keys = self.blocked.iter().chain(&self.unreadable_keys).cloned().collect();
        (seqs, keys)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    pub(super) fn admit(&mut self, event: PendingEvent) {
        let seq = event.seq;
        match &event.ordering_key {
            None => self.ready.push_back(seq),
            Some(key) => {
                let queue = self.keys.entry(key.clone()).or_default();
                queue.push_back(seq);
                if queue.len() == 1 {
                    self.ready.push_back(seq);
                }
            }
        }
        self.rows.insert(seq, Row { event, suspected: false });
    }

    /// Leaves out, until a restart, a row that this version cannot read, and its key. Answers whether that is new.
    pub(super) fn set_aside(&mut self, seq: i64, ordering_key: Option<String>) -> bool {
        self.unreadable_keys.extend(ordering_key);
        self.unreadable.insert(seq)
    }

    /// The next row to send, which is under way from here on.
    pub(super) fn take(&mut self) -> Option<&PendingEvent> {
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
        self.delivered.push(seq);
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
        if let Some(key) = row.event.ordering_key.clone() {
            if let Some(queue) = self.keys.get_mut(&key) {
                for waiting in queue.drain(1..) {
                    self.rows.remove(&waiting);
                }
            }
            self.blocked.insert(key);
        }
    }

    /// The broker refused the row for good, and it is in the dead letters now: its key goes on.
    pub(super) fn buried(&mut self, seq: i64) {
        self.landed();
        self.advance(seq);
        self.rows.remove(&seq);
    }

    pub(super) fn attempts(&self, seq: i64) -> u32 {
        self.rows.get(&seq).map_or(0, |row| u32::try_from(row.event.attempts).unwrap_or_default())
    }

    pub(super) fn event(&self, seq: i64) -> Option<&PendingEvent> {
        self.rows.get(&seq).map(|row| &row.event)
    }

    /// Delivered rows that are still in the outbox.
    pub(super) fn unsettled(&self) -> &[i64] {
        &self.delivered
    }

    /// The first `count` unsettled rows are out of the outbox.
    pub(super) fn settled(&mut self, count: usize) {
        for seq in self.delivered.drain(..count) {
            self.rows.remove(&seq);
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
        let Some(key) = self.rows.get(&seq).and_then(|row| row.event.ordering_key.clone()) else { return };
        self.blocked.remove(&key);
        let Some(queue) = self.keys.get_mut(&key) else { return };
        queue.pop_front();
        match queue.front() {
            Some(&next) => self.ready.push_back(next),
            None => {
                self.keys.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
