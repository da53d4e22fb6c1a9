//! The three ways in which a row comes into the window.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{ByNumber, Key, Noted, Row, State, Window, destinations::Place, left_behind::hash};
use crate::outbox::{Number, QueuedRow};

/// Why a row was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::relay) enum Source {
    /// It is behind the position, or came late.
    Position,
    /// It may have been left behind.
    Pass,
}

/// A row on its way into the window.
struct Incoming {
    seq: i64,
    key: Option<Arc<str>>,
    place: Place,
    size: usize,
    created_at: Timestamp,
}

impl Window {
    /// Takes in a row that was read; one that is known already stays as it is.
    pub(in crate::relay) fn admit(&mut self, event: QueuedRow, source: Source) {
        if let Some(known) = self.rows.get(&event.seq) {
            self.was_set_back |= known.id.event_id != event.event_id;
            return;
        }
        if self.numbers.contains_key(&event.seq) || self.stays_behind(&event, source) {
            return;
        }
        self.take_in(event);
    }

    /// Takes note of a row that was not read whole.
    pub(in crate::relay) fn note(&mut self, number: Number, source: Source) {
        let Number { seq, topic, key, ordering_key, created_at, size } = number;
        if self.rows.contains_key(&seq) || self.numbers.contains_key(&seq) {
            return;
        }
        if self.key_stays_behind(ordering_key.as_deref(), seq, created_at, source) {
            return;
        }
        let place = self.destinations.place(&topic, key.as_deref(), self.partitioner);
        self.keep_number(Incoming { seq, key: ordering_key.map(Into::into), place, size, created_at });
    }

    /// Leaves out, until it is read again, a row that this version cannot read, and its key. Answers whether that is new.
    pub(in crate::relay) fn leave_unreadable(&mut self, seq: i64, ordering_key: Option<&str>) -> bool {
        let now = Timestamp::now();
        self.left.leave(seq, ordering_key.map(hash), now);
        // A row that is known already is not gone, and its successors wait.
        if self.due.remove(&seq) {
            self.released();
            self.leave(seq);
        } else if let Some(Some(name)) = self.numbers.get(&seq).cloned() {
            self.leave_from(seq, &name, now);
            self.review(&name);
        } else {
            self.leave_number(seq);
        }
        self.unreadable.len() < self.limits.numbers && self.unreadable.insert(seq)
    }

    /// The numbers of rows whose turn may come soon, to be read whole, and the bytes that they have: at most `limit` rows with at most
    /// `bytes`. If no row is here yet, there is room for one of any size.
    pub(in crate::relay) fn wanted(&self, limit: usize, bytes: usize) -> (Vec<i64>, usize) {
        let (mut wanted, mut used) = (Vec::new(), 0_usize);
        let mut planned: HashMap<usize, usize> = HashMap::new();
        // No key takes the load from other hungry ones.
        let share = (limit / self.hungry.len().max(1)).max(self.limits.of_key);
        for (seq, size, place) in self.wants(limit / 4 + 1, share) {
            if limit <= wanted.len() {
                break;
            }
            if let Some(place) = place {
                let planned = planned.entry(self.destinations.topic_of(place)).or_default();
                if !self.destinations.has_room_for(place, *planned) {
                    continue;
                }
                *planned += 1;
            }
            let with_it = used.saturating_add(size);
            if bytes < with_it && !(self.whole == 0 && wanted.is_empty()) {
                break;
            }
            used = with_it;
            wanted.push(seq);
        }
        (wanted, used)
    }

    /// Rows that may be loaded, each with its size, and with its place where that may be closed to it; `most_due` that were refused, and
    /// `share` of a key.
    fn wants(&self, most_due: usize, share: usize) -> impl Iterator<Item = (i64, usize, Option<Place>)> {
        let due = self.due.iter().take(most_due).filter_map(|seq| self.rows.get(seq).map(|row| (*seq, row.size, None)));
        let with_place = |(seq, noted): (&i64, &Noted)| (*seq, noted.size, Some(noted.place));
        let unordered = self.unordered.iter().map(with_place);
        let keys = self.hungry.iter().filter_map(|name| self.keys.get(name));
        let most = self.most_of_key();
        let next = keys.flat_map(move |key| {
            let place = key.numbers.first_key_value().map(|(_, noted)| noted.place);
            let room = most.saturating_sub(key.waiting()).min(share);
            // A row for another place waits for its turn: that place may be closed.
            key.numbers.iter().take(room).take_while(move |(_, noted)| Some(noted.place) == place).map(with_place)
        });
        due.chain(unordered).chain(next)
    }

    /// The answer to the wish for the rows `wanted`, which are in ascending order where they have one key. A row that is not among
    /// `rows` is gone from the outbox.
    pub(in crate::relay) fn loaded(&mut self, wanted: &[i64], rows: Vec<QueuedRow>) {
        let mut rows: ByNumber<QueuedRow> = rows.into_iter().map(|event| (event.seq, event)).collect();
        for seq in wanted {
            let event = rows.remove(seq);
            if self.due.remove(seq) {
                self.load_again(*seq, event);
            } else if let Some(key) = self.numbers.remove(seq) {
                self.forget_number(*seq, key.as_deref());
                if let Some(event) = event {
                    self.take_in(event);
                }
                if let Some(key) = key {
                    self.review(&key);
                    self.returns(&key);
                }
            }
        }
    }

    fn load_again(&mut self, seq: i64, event: Option<QueuedRow>) {
        self.released();
        let Some(row) = self.rows.get_mut(&seq) else { return };
        match event {
            Some(event) if event.event_id == row.id.event_id => {
                row.attempts = attempts(&event).max(row.attempts);
                row.event = Some(event);
                self.whole += 1;
                self.bytes += row.size;
                self.make_ready(seq, false);
            }
            Some(_) => self.was_set_back = true,
            None => self.remove(seq),
        }
    }

    /// A row that is known already only by its number, or not at all.
    fn take_in(&mut self, event: QueuedRow) {
        let incoming = Incoming {
            seq: event.seq,
            key: event.ordering_key.clone(),
            place: self.destinations.place(&event.topic, event.key.as_deref(), self.partitioner),
            size: event.size(),
            created_at: event.created_at,
        };
        let is_open = self.destinations.is_open(incoming.place);
        let Some(name) = &incoming.key else {
            if is_open {
                self.insert(event, incoming.place);
                self.make_ready(incoming.seq, false);
            } else {
                self.keep_number(incoming);
            }
            return;
        };
        let most = self.most_of_key();
        let spare = &mut self.spare;
        let new = || Key { whole: spare.pop().unwrap_or_default(), ..Key::default() };
        let key = self.keys.entry(name.clone()).or_insert_with(new);
        let is_next = key.numbers.first_key_value().is_none_or(|(first, _)| incoming.seq <= *first);
        if !is_open || key.is_blocked || !is_next || most <= key.waiting() {
            return self.keep_number(incoming);
        }
        let is_first = key.whole.is_empty();
        // Never before the first or a bundle, which may be under way.
        let (seq, first) = (incoming.seq, key.bundle.max(1));
        let index = key.whole.iter().skip(first).position(|other| seq < *other);
        let index = index.map_or(key.whole.len(), |index| index + first);
        key.whole.insert(index, seq);
        self.insert(event, incoming.place);
        if is_first {
            self.make_ready(seq, false);
        }
    }

    fn insert(&mut self, event: QueuedRow, place: Place) {
        self.whole += 1;
        self.bytes += event.size();
        self.destinations.came(place);
        let row = Row {
            id: event.row_id(),
            lane: event.lane,
            attempts: attempts(&event),
            key: event.ordering_key.clone(),
            place,
            record_key: event.key.clone(),
            created_at: event.created_at,
            size: event.size(),
            // An earlier refusal may have been another row's: nobody knows any more.
            suspected: 0 < event.attempts,
            state: State::Queued,
            event: Some(event),
        };
        self.rows.insert(row.id.seq, row);
    }

    /// Keeps the number of a row, or leaves the row behind if there is no room for its number.
    fn keep_number(&mut self, incoming: Incoming) {
        let Incoming { seq, key: name, place, size, created_at } = incoming;
        let is_open = self.destinations.is_open(place);
        let Some(name) = name else {
            if is_open && self.going < self.limits.numbers {
                self.going += 1;
                self.unordered.insert(seq, Noted { place, size, created_at, suffers: false });
                self.numbers.insert(seq, None);
            } else {
                self.overflowed |= is_open;
                self.left.leave(seq, None, created_at);
            }
            return;
        };
        let key = self.keys.entry(name.clone()).or_default();
        let first = key.numbers.first_key_value().map(|(_, noted)| noted.place);
        // Behind a row that does not go on, none does.
        let suffers = key.is_blocked || !is_open || first.is_some_and(|first| !self.destinations.is_open(first));
        let count = if suffers { &mut self.suffering } else { &mut self.going };
        if *count < self.limits.numbers {
            *count += 1;
            key.numbers.insert(seq, Noted { place, size, created_at, suffers });
            self.numbers.insert(seq, Some(name.clone()));
        } else {
            self.overflowed |= !suffers;
            self.leave_from(seq, &name, created_at);
        }
        self.review(&name);
    }

    /// Counts the numbers of a key where they belong now that it does not go on.
    pub(super) fn count_as_suffering(&mut self, name: &Arc<str>) {
        let Some(key) = self.keys.get_mut(name) else { return };
        let mut left = None;
        for (seq, noted) in &mut key.numbers {
            if noted.suffers {
                continue;
            }
            if self.limits.numbers <= self.suffering {
                left = Some((*seq, noted.created_at));
                break;
            }
            noted.suffers = true;
            self.going -= 1;
            self.suffering += 1;
        }
        if let Some((seq, created_at)) = left {
            self.leave_from(seq, name, created_at);
        }
        self.make_room_known();
    }

    /// A refused row is not held any more.
    pub(super) fn released(&mut self) {
        self.held -= 1;
        if self.held_overflowed && self.held <= self.limits.held / 2 {
            self.held_overflowed = false;
            self.left.may_return();
        }
    }

    /// Numbers of keys that go on came free: rows that were left behind for want of them may come.
    fn make_room_known(&mut self) {
        if self.overflowed && self.going <= self.limits.numbers / 2 {
            self.overflowed = false;
            self.left.may_return();
        }
    }

    /// Leaves a row of a key behind, and every later one that is not here.
    pub(super) fn leave_from(&mut self, seq: i64, name: &Arc<str>, created_at: Timestamp) {
        self.left.leave(seq, Some(hash(name)), created_at);
        let Some(key) = self.keys.get_mut(name) else { return };
        for (later, noted) in key.numbers.split_off(&seq) {
            self.numbers.remove(&later);
            *if noted.suffers { &mut self.suffering } else { &mut self.going } -= 1;
        }
    }

    fn forget_number(&mut self, seq: i64, key: Option<&str>) {
        let noted = match key {
            Some(name) => self.keys.get_mut(name).and_then(|key| key.numbers.remove(&seq)),
            None => self.unordered.remove(&seq),
        };
        if let Some(noted) = noted {
            *if noted.suffers { &mut self.suffering } else { &mut self.going } -= 1;
        }
        self.make_room_known();
    }

    /// Leaves a row without a key behind of which the number is here.
    pub(super) fn leave_number(&mut self, seq: i64) {
        let Some(noted) = self.unordered.get(&seq).copied() else { return };
        self.numbers.remove(&seq);
        self.forget_number(seq, None);
        self.left.leave(seq, None, noted.created_at);
    }

    /// Puts a row that is here back among the numbers of its key, or leaves it behind.
    pub(super) fn shelve(&mut self, seq: i64) {
        let Some(row) = self.forget(seq) else { return };
        let incoming = Incoming { seq, key: row.key, place: row.place, size: row.size, created_at: row.created_at };
        self.keep_number(incoming);
    }

    /// Sees to it that a key's next rows are loaded, that rows of it which were left behind are fetched, and that a key of which
    /// nothing is here is forgotten.
    pub(super) fn review(&mut self, name: &Arc<str>) {
        let Some(key) = self.keys.get(name) else { return };
        let next = key.numbers.first_key_value().map(|(_, noted)| noted.place);
        let runs_dry = key.runs_dry(self.most_of_key());
        let is_stuck = next.is_some_and(|place| !self.destinations.is_open(place));
        let counts_as_going = key.numbers.last_key_value().is_some_and(|(_, noted)| !noted.suffers);
        let is_empty = key.is_empty();
        if runs_dry && next.is_some() && !is_stuck {
            self.hungry.insert(name.clone());
        } else {
            self.hungry.remove(name);
        }
        if is_empty {
            self.keys.remove(name);
        } else if is_stuck && counts_as_going {
            self.count_as_suffering(name);
        }
    }

    /// The most rows of one key that are here whole. While half of the window is free, a hot key needs fewer reads to fill its bundles.
    fn most_of_key(&self) -> usize {
        let has_half = 2 * self.whole < self.limits.rows && 2 * self.bytes < self.limits.bytes;
        if has_half { self.limits.of_key_alone } else { self.limits.of_key }
    }

    /// A key's row is done.
    pub(super) fn returns(&mut self, name: &Arc<str>) {
        if self.left.closes_none() {
            return;
        }
        let is_dry = self.keys.get(name).is_none_or(|key| key.runs_dry(self.most_of_key()) && key.numbers.is_empty());
        if is_dry && self.left.is_closed(hash(name)) {
            self.left.may_return();
        }
    }

    fn stays_behind(&mut self, event: &QueuedRow, source: Source) -> bool {
        self.key_stays_behind(event.ordering_key.as_deref(), event.seq, event.created_at, source)
    }

    fn key_stays_behind(&mut self, key: Option<&str>, seq: i64, created_at: Timestamp, source: Source) -> bool {
        let Some(hash) = key.filter(|_| !self.left.closes_none()).map(hash) else { return false };
        let stays = match source {
            Source::Position => self.left.is_closed(hash),
            Source::Pass => self.left.is_shut(hash),
        };
        if stays {
            self.left.leave_behind(seq, hash, created_at);
        }
        stays
    }
}

pub(super) fn attempts(event: &QueuedRow) -> u32 {
    u32::try_from(event.attempts).unwrap_or_default()
}

impl Key {
    /// Forgets a whole row of the key. Without its first row a key is not blocked.
    pub(super) fn forget(&mut self, seq: i64) {
        self.is_blocked &= self.whole.front() != Some(&seq);
        self.whole.retain(|other| *other != seq);
    }
}
