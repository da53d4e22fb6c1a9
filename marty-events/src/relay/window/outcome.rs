//! What becomes of the rows that are sent.

use std::{sync::Arc, time::Instant};

use super::{State, Window};
use crate::outbox::{Record, RowId};

impl Window {
    /// The next row to send, which is under way from here on.
    pub(in crate::relay) fn take(&mut self, now: Instant) -> Option<&Record> {
        loop {
            let (place, seq) = self.destinations.next()?;
            let is_ready = |row: &&mut super::Row| row.state == State::Ready && row.place == place;
            let Some(row) = self.rows.get_mut(&seq).filter(is_ready) else {
                // It waits elsewhere by now.
                self.destinations.landed(place);
                continue;
            };
            row.state = State::UnderWay { since: now };
            self.under_way += 1;
            self.sent.push_back((now, seq));
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

    /// The broker refused the row. It is held without its payload, and its key waits; what it costs the row is said by
    /// [`refused`](Self::refused) or [`buried`](Self::buried). Answers `false` where too many rows are held: then it was left behind.
    pub(in crate::relay) fn judge(&mut self, seq: i64) -> bool {
        self.land(seq);
        self.hold(seq)
    }

    /// The broker refused the row for its topic's sake: of such a topic one row is tried at a time, or several where the topic is lost.
    /// Answers whether this row is to be [judged](Self::judge); otherwise it waits for one that is.
    pub(in crate::relay) fn topic_refused(&mut self, seq: i64) -> bool {
        let Some(row) = self.rows.get(&seq) else { return false };
        let place = row.place;
        if self.destinations.limit(place) {
            for beside in self.destinations.places_beside(place) {
                self.shelve_ready(beside);
            }
            self.count_waiting_as_suffering();
        }
        // Which of the rows that were under way is tried does not matter, as long as one is.
        let is_tried = self.destinations.may_send(place) || !self.tries_another(seq);
        if !is_tried {
            self.land(seq);
            self.shelve_with_key(seq);
        }
        is_tried
    }

    /// A row was given up for its topic's sake: others of the topic are given up at their first refusal, until one gets through.
    pub(in crate::relay) fn topic_is_lost(&mut self, seq: i64) {
        if let Some(row) = self.rows.get(&seq) {
            self.destinations.is_lost_now(row.place);
        }
    }

    pub(in crate::relay) fn is_of_lost_topic(&self, seq: i64) -> bool {
        self.rows.get(&seq).is_some_and(|row| self.destinations.is_lost(row.place))
    }

    /// The refusal is written down; the row is tried again at `retry_at`. `with_batch` where it may have been another row's.
    pub(in crate::relay) fn refused(&mut self, seq: i64, retry_at: Instant, with_batch: bool) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        row.attempts += 1;
        row.suspected = with_batch;
        self.park(seq, retry_at);
    }

    /// The row is in the dead letters now: its key goes on.
    pub(in crate::relay) fn buried(&mut self, seq: i64, now: Instant) {
        self.held -= 1;
        self.leave_topic(seq);
        self.advance(seq);
        self.is_gone(seq, now);
    }

    /// Delivered rows that are still in the outbox, each with its lane.
    pub(in crate::relay) fn unsettled(&self) -> &[(RowId, i32)] {
        &self.delivered
    }

    /// Delivered rows that were locked when they were last to be settled are settled with the next ones.
    pub(in crate::relay) fn settle_locked(&mut self) {
        self.delivered.append(&mut self.locked);
    }

    /// How many delivered rows are locked by somebody else.
    pub(in crate::relay) fn locked(&self) -> usize {
        self.locked.len()
    }

    /// The first `count` unsettled rows are out of the outbox, but for those in `except`.
    pub(in crate::relay) fn settled(&mut self, count: usize, except: &[i64], now: Instant) {
        for (row, lane) in self.delivered.drain(..count).collect::<Vec<_>>() {
            if except.contains(&row.seq) {
                self.locked.push((row, lane));
            } else {
                self.is_gone(row.seq, now);
            }
        }
    }

    /// Nothing that was asked for before `then` is read any more: rows that were gone by then need not be known any longer.
    pub(in crate::relay) fn forget_gone(&mut self, then: Instant) {
        while let Some(&(at, seq)) = self.gone.front() {
            if then < at {
                return;
            }
            self.gone.pop_front();
            self.rows.remove(&seq);
        }
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

    /// The topic has so many partitions: from now on each is a destination of its own.
    pub(in crate::relay) fn learn_partitions(&mut self, topic: &str, count: i32) {
        if !self.destinations.learn(topic, count) {
            return;
        }
        let (destinations, partitioner) = (&mut self.destinations, self.partitioner);
        for (seq, row) in &mut self.rows {
            if !destinations.is_of(row.place, topic) {
                continue;
            }
            let place = destinations.place(topic, row.record_key.as_deref(), partitioner);
            let from = std::mem::replace(&mut row.place, place);
            if !matches!(row.state, State::Delivered | State::Gone) {
                destinations.moved(from, place);
            }
            match row.state {
                State::UnderWay { .. } => destinations.moved_under_way(from, place),
                State::SetAside => _ = destinations.hangs(place),
                State::Ready => destinations.queue(place, *seq, row.suspected, false),
                _ => {}
            }
        }
        self.reopen();
    }

    /// Destinations with a row that was sent before `then`, and is still awaited, do not answer: what is under way to them takes no room
    /// any more, and nothing further is sent there until one of these rows gets an answer. Answers whether there are new ones.
    pub(in crate::relay) fn set_aside_late(&mut self, then: Instant) -> bool {
        let late = |state: State| matches!(state, State::UnderWay { since } if since <= then);
        let mut places: Vec<_> = self.rows.values().filter(|row| late(row.state)).map(|row| row.place).collect();
        places.sort_unstable();
        places.dedup();
        places.retain(|place| self.destinations.hangs(*place));
        for place in &places {
            let under_way = |row: &super::Row| row.place == *place && matches!(row.state, State::UnderWay { .. });
            let seqs: Vec<i64> = self.rows.iter().filter(|(_, row)| under_way(row)).map(|(seq, _)| *seq).collect();
            for seq in seqs {
                if self.limits.rows <= self.set_aside {
                    break;
                }
                self.land(seq);
                self.set_aside += 1;
                self.let_go(seq);
                if let Some(row) = self.rows.get_mut(&seq) {
                    row.state = State::SetAside;
                }
                self.block(seq);
            }
            self.shelve_ready(*place);
        }
        if !places.is_empty() {
            self.count_waiting_as_suffering();
        }
        !places.is_empty()
    }

    /// The destination answers, whatever it says.
    fn answered(&mut self, place: super::Place) {
        if self.destinations.answers(place) {
            self.reopen();
        }
    }

    /// The row is not under way any more.
    fn land(&mut self, seq: i64) {
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
    fn wait_again(&mut self, seq: i64) {
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
    fn hold(&mut self, seq: i64) -> bool {
        if !self.rows.contains_key(&seq) {
            return false;
        }
        if self.limits.held <= self.held {
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

    fn park(&mut self, seq: i64, retry_at: Instant) {
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
    fn let_go(&mut self, seq: i64) {
        if let Some(row) = self.rows.get_mut(&seq)
            && row.event.take().is_some()
        {
            self.whole -= 1;
            self.bytes -= row.size;
        }
    }

    /// The first row of a key keeps the others waiting: only their numbers are kept.
    fn block(&mut self, seq: i64) {
        let Some(name) = self.rows.get(&seq).and_then(|row| row.key.clone()) else { return };
        let Some(key) = self.keys.get_mut(&name) else { return };
        key.is_blocked = true;
        self.hungry.remove(&name);
        let waiting: Vec<i64> = key.whole.iter().copied().filter(|other| *other != seq).collect();
        self.shelve_all(&name, waiting);
        self.count_as_suffering(&name);
    }

    /// Shelves rows of a key. Where one has to be left behind, all later ones are.
    fn shelve_all(&mut self, name: &Arc<str>, mut seqs: Vec<i64>) {
        // The later ones first: where one is left behind, those behind it are numbers by then and are left with it.
        seqs.sort_unstable_by(|one, other| other.cmp(one));
        for seq in seqs {
            self.shelve(seq);
        }
        self.review(name);
    }

    /// What waits to be sent to a place that is closed now waits as numbers.
    fn shelve_ready(&mut self, place: super::Place) {
        for seq in self.destinations.empty(place) {
            if self.rows.get(&seq).is_some_and(|row| row.state == State::Ready && row.place == place) {
                self.shelve_with_key(seq);
            }
        }
    }

    /// Keys whose next row is for a closed place do not go on.
    fn count_waiting_as_suffering(&mut self) {
        let waits = |key: &super::Key| {
            let first = key.numbers.first_key_value();
            first.is_some_and(|(_, noted)| !noted.suffers && !self.destinations.is_open(noted.place))
        };
        let names: Vec<Arc<str>> =
            self.keys.iter().filter(|(_, key)| waits(key)).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.count_as_suffering(&name);
            self.review(&name);
        }
        let closed: Vec<i64> = self
            .unordered
            .iter()
            .filter(|(_, noted)| !self.destinations.is_open(noted.place))
            .map(|(seq, _)| *seq)
            .collect();
        for seq in closed {
            self.leave_number(seq);
        }
    }

    /// Shelves the first row of a key, and all that wait behind it.
    fn shelve_with_key(&mut self, seq: i64) {
        match self.rows.get(&seq).and_then(|row| row.key.clone()) {
            Some(name) => {
                let whole = self.keys.get(&name).map(|key| key.whole.iter().copied().collect());
                self.shelve_all(&name, whole.unwrap_or_default());
            }
            None => self.shelve(seq),
        }
    }

    /// Whether another row of the same topic is here that may be judged in this one's place.
    fn tries_another(&self, seq: i64) -> bool {
        let Some(row) = self.rows.get(&seq) else { return false };
        let topic = self.destinations.topic_of(row.place);
        let is_tried = |other: &super::Row| {
            !matches!(other.state, State::Queued | State::Delivered | State::Gone)
                && other.id.seq != seq
                && self.destinations.topic_of(other.place) == topic
        };
        self.rows.values().any(is_tried)
    }

    /// Leaves a row behind, and what follows it in its key.
    fn leave(&mut self, seq: i64) {
        let Some(row) = self.forget(seq) else { return };
        let Some(name) = row.key else { return self.left.leave(seq, None, row.created_at) };
        let later: Vec<i64> = self.keys.get(&name).map(|key| key.whole.iter().copied().collect()).unwrap_or_default();
        for later in later {
            self.forget(later);
        }
        self.leave_from(seq, &name, row.created_at);
        self.review(&name);
    }

    /// Takes a row out of the window that is not under way.
    pub(super) fn forget(&mut self, seq: i64) -> Option<super::Row> {
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

    fn leave_topic(&mut self, seq: i64) {
        if let Some(row) = self.rows.get(&seq)
            && self.destinations.went(row.place)
        {
            self.reopen();
        }
    }

    fn is_gone(&mut self, seq: i64, now: Instant) {
        if let Some(row) = self.rows.get_mut(&seq) {
            row.state = State::Gone;
            self.gone.push_back((now, seq));
        }
    }

    /// The first row of a key is done: the key goes on.
    fn advance(&mut self, seq: i64) {
        let Some(name) = self.rows.get(&seq).and_then(|row| row.key.clone()) else { return };
        let Some(key) = self.keys.get_mut(&name) else { return };
        key.is_blocked = false;
        key.forget(seq);
        let next = key.whole.front().copied();
        self.review(&name);
        self.returns(&name);
        let Some(next) = next else { return };
        if self.rows.get(&next).is_some_and(|row| self.destinations.may_send(row.place)) {
            self.make_ready(next, false);
        } else {
            self.shelve_with_key(next);
        }
    }

    /// A topic or a destination takes rows again: those that waited for it may come.
    fn reopen(&mut self) {
        let names: Vec<Arc<str>> = self.keys.keys().cloned().collect();
        for name in names {
            self.review(&name);
        }
        self.left.may_return();
    }

    /// Whether rows that were left behind should be read again, where everything up to `reached` was read.
    pub(in crate::relay) fn pass_is_due(&self, reached: i64) -> bool {
        self.left.pass_is_due(reached)
    }

    pub(in crate::relay) fn begin_pass(&mut self, to: i64) {
        self.left.begin_pass(to);
    }

    pub(in crate::relay) fn pass(&self) -> Option<(i64, i64)> {
        self.left.pass()
    }

    pub(in crate::relay) fn pass_reached(&mut self, seq: i64) {
        self.left.pass_reached(seq);
    }

    /// Rows from `seq` on may have come by a way that the position knows nothing of.
    pub(in crate::relay) fn look_from(&mut self, seq: i64) {
        self.left.look_from(seq);
    }
}
