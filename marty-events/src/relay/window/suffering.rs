//! Keys, topics and partitions that do not go on, and when they do again.

use std::{sync::Arc, time::Instant};

use super::{Key, Place, Row, State, Window};

impl Window {
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
        // Any of the rows that were in flight may be tried, as long as one is.
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

    /// Destinations with a row that was sent before `then`, and is still awaited, do not answer: their rows in flight take no room any
    /// more, and nothing further is sent there until one of these rows gets an answer. Answers `true` if there are new ones.
    pub(in crate::relay) fn set_aside_late(&mut self, then: Instant) -> bool {
        let late = |state: State| matches!(state, State::UnderWay { since } if since <= then);
        let mut places: Vec<_> = self.rows.values().filter(|row| late(row.state)).map(|row| row.place).collect();
        places.sort_unstable();
        places.dedup();
        let new = places.iter().filter(|place| self.destinations.hangs(**place)).count();
        for place in &places {
            let under_way = |row: &Row| row.place == *place && matches!(row.state, State::UnderWay { .. });
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
        0 < new
    }

    /// The destination answers, be it with a refusal.
    pub(super) fn answered(&mut self, place: Place) {
        if self.destinations.answers(place) {
            self.reopen();
        }
    }

    /// The first row of a key keeps the others waiting: only their numbers are kept.
    pub(super) fn block(&mut self, seq: i64) {
        let Some(name) = self.rows.get(&seq).and_then(|row| row.key.clone()) else { return };
        let Some(key) = self.keys.get_mut(&name) else { return };
        key.is_blocked = true;
        self.hungry.remove(&name);
        let behind = key.whole.iter().skip(key.bundle);
        let waiting: Vec<i64> = behind.copied().filter(|other| *other != seq).collect();
        self.shelve_all(&name, waiting);
        self.count_as_suffering(&name);
    }

    /// Shelves rows of a key. If one has to be left behind, all later ones are.
    pub(super) fn shelve_all(&mut self, name: &Arc<str>, mut seqs: Vec<i64>) {
        // The later ones first: where one is left behind, those behind it are numbers by then and are left with it.
        seqs.sort_unstable_by(|one, other| other.cmp(one));
        for seq in seqs {
            self.shelve(seq);
        }
        self.review(name);
    }

    /// Rows that wait to be sent to a place that is closed now wait as numbers.
    pub(super) fn shelve_ready(&mut self, place: Place) {
        for seq in self.destinations.empty(place) {
            if self.rows.get(&seq).is_some_and(|row| row.state == State::Ready && row.place == place) {
                self.shelve_with_key(seq);
            }
        }
    }

    /// Keys whose next row is for a closed place do not go on.
    pub(super) fn count_waiting_as_suffering(&mut self) {
        let waits = |key: &Key| {
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
    pub(super) fn shelve_with_key(&mut self, seq: i64) {
        match self.rows.get(&seq).and_then(|row| row.key.clone()) {
            Some(name) => {
                let whole = self.keys.get(&name).map(|key| key.whole.iter().copied().collect());
                self.shelve_all(&name, whole.unwrap_or_default());
            }
            None => self.shelve(seq),
        }
    }

    /// Another row of the same topic is here that may be judged in this one's place.
    pub(super) fn tries_another(&self, seq: i64) -> bool {
        let Some(row) = self.rows.get(&seq) else { return false };
        let topic = self.destinations.topic_of(row.place);
        let is_tried = |other: &Row| {
            !matches!(other.state, State::Queued | State::Delivered | State::Gone)
                && other.id.seq != seq
                && self.destinations.topic_of(other.place) == topic
        };
        self.rows.values().any(is_tried)
    }

    /// Leaves a row behind, with its successors in its key.
    pub(super) fn leave(&mut self, seq: i64) {
        let Some(row) = self.forget(seq) else { return };
        let Some(name) = row.key else { return self.left.leave(seq, None, row.created_at) };
        let later: Vec<i64> = self.keys.get(&name).map(|key| key.whole.iter().copied().collect()).unwrap_or_default();
        for later in later {
            self.forget(later);
        }
        self.leave_from(seq, &name, row.created_at);
        self.review(&name);
    }

    /// A topic or a destination takes rows again: those that waited for it may come.
    pub(super) fn reopen(&mut self) {
        let names: Vec<Arc<str>> = self.keys.keys().cloned().collect();
        for name in names {
            self.review(&name);
        }
        self.left.may_return();
    }
}
