//! The end of the rows that are sent.

use std::{collections::hash_map::Entry, time::Instant};

use super::{Key, Row, State, Window};
use crate::outbox::QueuedRow;

/// The most lists of keys without a row that are kept for other keys.
const MOST_SPARE: usize = 1_000;

impl Window {
    /// The next row to send, which is under way from here on.
    pub(in crate::relay) fn take(&mut self, now: Instant) -> Option<&QueuedRow> {
        loop {
            let (place, seq) = self.destinations.next()?;
            let is_ready = |row: &&mut Row| row.state == State::Ready && row.place == place;
            let Some(row) = self.rows.get_mut(&seq).filter(is_ready) else {
                // It waits elsewhere by now.
                self.destinations.landed(place);
                continue;
            };
            row.state = State::UnderWay { since: now };
            self.under_way += 1;
            self.sent.push_back((now, seq));
            if 2 * self.under_way + 1_000 < self.sent.len() {
                let rows = &self.rows;
                self.sent
                    .retain(|(at, seq)| rows.get(seq).is_some_and(|row| row.state == State::UnderWay { since: *at }));
            }
            break self.rows.get(&seq).and_then(|row| row.event.as_ref());
        }
    }

    /// The client or the broker is away: the row goes back to where it was.
    pub(in crate::relay) fn put_back(&mut self, seq: i64) {
        self.land(seq);
        self.wait_again(seq);
    }

    /// Something that says nothing about other rows kept this one: it waits until `retry_at`, and its key with it.
    pub(in crate::relay) fn postpone(&mut self, seq: i64, retry_at: Instant) {
        self.land(seq);
        if self.hold(seq) {
            self.park(seq, retry_at);
        } else {
            self.left.may_return();
        }
    }

    /// The broker has the row. It stays known until it is settled, and its key goes on.
    pub(in crate::relay) fn delivered(&mut self, seq: i64) {
        self.land(seq);
        let Some(row) = self.rows.get_mut(&seq) else { return };
        row.state = State::Delivered;
        self.delivered.push((row.id, row.lane));
        let place = row.place;
        self.let_go(seq);
        let (others_may_come, takes_rows) = (self.destinations.went(place), self.destinations.takes_rows(place));
        if self.destinations.answers(place) || others_may_come || takes_rows {
            self.reopen();
        }
        self.advance(seq);
    }

    /// The broker refused the row. It is held without its payload, and its key waits. [`refused`](Self::refused) or
    /// [`buried`](Self::buried) say its price. Answers `false` if too many rows are held: then it was left behind.
    pub(in crate::relay) fn judge(&mut self, seq: i64) -> bool {
        self.land(seq);
        self.hold(seq)
    }

    /// The refusal is written down; the row is tried again at `retry_at`. `with_batch` where it may have been another row's.
    pub(in crate::relay) fn refused(&mut self, seq: i64, retry_at: Instant, with_batch: bool) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        row.attempts += 1;
        row.suspected = with_batch;
        self.park(seq, retry_at);
    }

    /// When the first parked row is due.
    pub(in crate::relay) fn next_retry(&self) -> Option<Instant> {
        self.parked.first().map(|(at, _)| *at)
    }

    /// Parked rows whose time has come are wanted.
    pub(in crate::relay) fn unpark(&mut self, now: Instant) {
        while let Some(&(at, seq)) = self.parked.first() {
            if now < at {
                return;
            }
            self.parked.pop_first();
            if let Some(row) = self.rows.get_mut(&seq) {
                row.state = State::Due;
                self.due.insert(seq);
            }
        }
    }

    /// The row is not under way any more.
    pub(super) fn land(&mut self, seq: i64) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        match std::mem::replace(&mut row.state, State::Queued) {
            State::UnderWay { .. } => {
                self.under_way -= 1;
                let place = row.place;
                self.destinations.landed(place);
            }
            State::SetAside => self.set_aside -= 1,
            state => row.state = state,
        }
    }

    /// Makes a row that has landed ready, or has it loaded first.
    pub(super) fn wait_again(&mut self, seq: i64) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        if row.event.is_some() {
            self.make_ready(seq, true);
        } else {
            row.state = State::Due;
            self.held += 1;
            self.due.insert(seq);
        }
    }

    /// Holds a row without its payload, and its key with it.
    pub(super) fn hold(&mut self, seq: i64) -> bool {
        if !self.rows.contains_key(&seq) {
            return false;
        }
        if self.limits.held <= self.held {
            self.held_overflowed = true;
            self.leave(seq);
            return false;
        }
        self.held += 1;
        self.let_go(seq);
        self.block(seq);
        if let Some(row) = self.rows.get_mut(&seq) {
            row.state = State::Judged;
            let place = row.place;
            self.answered(place);
        }
        true
    }

    pub(super) fn park(&mut self, seq: i64, retry_at: Instant) {
        if let Some(row) = self.rows.get_mut(&seq) {
            row.state = State::Parked;
            self.parked.insert((retry_at, seq));
        }
    }

    pub(super) fn make_ready(&mut self, seq: i64, is_first: bool) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        row.state = State::Ready;
        self.destinations.queue(row.place, seq, row.suspected, is_first);
    }

    /// The payload leaves memory.
    pub(super) fn let_go(&mut self, seq: i64) {
        if let Some(row) = self.rows.get_mut(&seq)
            && row.event.take().is_some()
        {
            self.whole -= 1;
            self.bytes -= row.size;
        }
    }

    /// Takes a row out of the window that is not under way.
    pub(super) fn forget(&mut self, seq: i64) -> Option<Row> {
        self.let_go(seq);
        let row = self.rows.remove(&seq)?;
        if self.destinations.went(row.place) {
            self.reopen();
        }
        if let Some(key) = row.key.as_ref().and_then(|name| self.keys.get_mut(name)) {
            key.forget(seq);
        }
        Some(row)
    }

    /// A row is gone from the outbox without having been sent.
    pub(super) fn remove(&mut self, seq: i64) {
        self.leave_topic(seq);
        self.advance(seq);
        self.rows.remove(&seq);
    }

    pub(super) fn leave_topic(&mut self, seq: i64) {
        if let Some(row) = self.rows.get(&seq)
            && self.destinations.went(row.place)
        {
            self.reopen();
        }
    }

    /// The first row of a key is done: the key goes on.
    pub(super) fn advance(&mut self, seq: i64) {
        let Some(name) = self.rows.get(&seq).and_then(|row| row.key.clone()) else { return };
        let Entry::Occupied(mut entry) = self.keys.entry(name.clone()) else { return };
        let key = entry.get_mut();
        if key.whole.front() == Some(&seq) {
            key.whole.pop_front();
        } else {
            key.whole.retain(|other| *other != seq);
        }
        let (next, is_bundled) = (key.whole.front().copied(), 0 < key.together);
        key.is_blocked &= is_bundled;
        if is_bundled {
            if !self.has_landed(seq, &name, false) {
                return;
            }
            self.review(&name);
        } else if key.is_empty() {
            // As a review would, in one search: most keys have one row here.
            let Key { whole, .. } = entry.remove();
            if self.spare.len() < MOST_SPARE {
                self.spare.push(whole);
            }
            self.hungry.remove(&name);
        } else {
            self.review(&name);
        }
        self.returns(&name);
        if let Some(next) = next {
            self.go_on(next);
        }
    }

    /// Rows that were left behind should be read again, if everything up to `reached` was read.
    pub(in crate::relay) fn pass_is_due(&self, reached: i64) -> bool {
        self.left.pass_is_due(reached)
    }

    pub(in crate::relay) fn begin_pass(&mut self, to: i64) {
        self.left.begin_pass(to);
    }

    pub(in crate::relay) fn pass(&self) -> Option<(i64, i64)> {
        self.left.pass()
    }

    /// Gives a pass up, because the position reads its rows once more.
    pub(in crate::relay) fn cancel_pass(&mut self) {
        self.left.cancel_pass();
    }

    pub(in crate::relay) fn pass_reached(&mut self, seq: i64) {
        self.left.pass_reached(seq);
    }

    /// Rows from `seq` on may have come by a way that the position knows nothing of.
    pub(in crate::relay) fn look_from(&mut self, seq: i64) {
        self.left.look_from(seq);
    }
}
