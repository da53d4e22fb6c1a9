//! Several rows of one ordering key that are under way together.
//!
//! A *bundle* is the first rows of a key, handed to the client so that they are one batch. A broker takes or refuses a batch as a whole, so
//! no row of a bundle gets through before an earlier one. The key's next rows wait until each of them has its end, as behind a single
//! row. Where a bundle fails, its rows are sent one by one, and each gets its own verdict.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Instant};

use super::{Row, State, Window};
use crate::outbox::QueuedRow;

/// The rows of a bundle.
pub(in crate::relay) const BUNDLE: usize = 100;
/// The most bytes of a bundle: half of the client's and the topic's usual limit, so that the frames of the records have room.
pub(super) const BUNDLE_BYTES: usize = 500_000;

impl Window {
    /// The row `seq`, which was just taken, can be the first of a bundle.
    pub(in crate::relay) fn may_bundle(&self, seq: i64) -> bool {
        self.bundle_from(seq).is_some()
    }

    /// Rows that go with the row `seq`, which was just taken: they are under way from here on. Answers all of them in order, or
    /// nothing where the row goes alone.
    pub(in crate::relay) fn take_bundle(&mut self, seq: i64, now: Instant) -> Vec<i64> {
        let Some((name, bundle)) = self.bundle_from(seq) else { return Vec::new() };
        for other in &bundle[1..] {
            let Some(row) = self.rows.get_mut(other) else { continue };
            row.state = State::UnderWay { since: now };
            self.under_way += 1;
            self.sent.push_back((now, *other));
            self.destinations.goes_along(row.place);
        }
        if let Some(key) = self.keys.get_mut(&name) {
            (key.bundle, key.together) = (bundle.len(), bundle.len());
            self.review(&name);
        }
        self.bundled.extend(self.rows.get(&seq).map(|row| self.destinations.topic_of(row.place)));
        bundle
    }

    /// The event of a row that was taken.
    pub(in crate::relay) fn event(&self, seq: i64) -> Option<&QueuedRow> {
        self.rows.get(&seq)?.event.as_ref()
    }

    /// The row was sent with others of its key.
    pub(in crate::relay) fn is_bundled(&self, seq: i64) -> bool {
        let name = self.rows.get(&seq).and_then(|row| row.key.as_ref());
        name.and_then(|name| self.keys.get(name)).is_some_and(|key| 0 < key.together)
    }

    /// The first and the last row of the bundle that the row was sent with, of those that are not delivered.
    pub(in crate::relay) fn bundle_of(&self, seq: i64) -> Option<(i64, i64)> {
        let key = self.keys.get(self.rows.get(&seq)?.key.as_ref()?).filter(|key| 0 < key.together)?;
        Some((*key.whole.front()?, *key.whole.get(key.bundle.checked_sub(1)?)?))
    }

    /// The row's bundle has failed. Its rows are sent one by one, once all of them have landed.
    pub(in crate::relay) fn unbundle(&mut self, seq: i64) {
        self.land(seq);
        let Some(name) = self.rows.get(&seq).and_then(|row| row.key.clone()) else { return };
        let Some(key) = self.keys.get_mut(&name) else { return };
        key.alone_until = key.alone_until.max(seq);
        if self.has_landed(seq, &name, true) {
            let next = self.keys.get(&name).and_then(|key| key.whole.front().copied());
            self.review(&name);
            if let Some(next) = next {
                self.go_on(next);
            }
        }
    }

    /// A bundle has failed in part: the client may still send the rest of it.
    pub(in crate::relay) fn is_torn(&self) -> bool {
        0 < self.torn
    }

    /// The first row of a key has landed. Answers whether the key may go on: no row of a bundle is under way any more.
    pub(super) fn has_landed(&mut self, seq: i64, name: &str, has_failed: bool) -> bool {
        let Some(key) = self.keys.get_mut(name) else { return false };
        let was_bundled = 0 < key.together;
        key.together = key.together.saturating_sub(1);
        let is_torn = key.is_torn || has_failed;
        let is_torn = is_torn && 0 < key.together;
        match (std::mem::replace(&mut key.is_torn, is_torn), is_torn) {
            (false, true) => self.torn += 1,
            (true, false) => self.torn -= 1,
            _ => {}
        }
        if 0 < key.together {
            key.bundle -= usize::from(!has_failed);
            return false;
        }
        (key.bundle, key.is_blocked) = (0, false);
        if was_bundled && let Some(row) = self.rows.get(&seq) {
            self.bundled.remove(&self.destinations.topic_of(row.place));
        }
        true
    }

    /// The row is the first of its key now: it is ready, if it is here and its destination takes rows.
    pub(super) fn go_on(&mut self, next: i64) {
        let may_go = |row: &Row| row.event.is_some() && self.destinations.may_send(row.place);
        if self.rows.get(&next).is_some_and(may_go) {
            self.make_ready(next, false);
        } else {
            self.shelve_with_key(next);
        }
    }

    /// The first rows of the key of `seq`, if they can be a bundle: a batch has one partition, and a row that was refused before goes alone.
    fn bundle_from(&self, seq: i64) -> Option<(Arc<str>, Vec<i64>)> {
        let first = self.rows.get(&seq)?;
        let name = first.key.as_ref()?;
        let key = self.keys.get(name)?;
        let count = self.limits.bundle;
        if key.whole.len() < count || key.whole.front() != Some(&seq) || seq <= key.alone_until {
            return None;
        }
        // The client draws the partition of other rows by lot.
        self.partitioner.partition(first.record_key.as_ref()?.as_bytes(), 1)?;
        // One of a topic at a time: what is left of a bundle that was cut fills no other's batch up.
        if !self.destinations.goes_well(first.place) || self.bundled.contains(&self.destinations.topic_of(first.place))
        {
            return None;
        }
        let mut bytes = 0;
        let mut bundle = Vec::with_capacity(count);
        for other in key.whole.iter().take(count) {
            let row = self.rows.get(other)?;
            bytes += row.size + row.record_key.as_ref().map_or(0, |key| key.len());
            let is_fit = row.event.is_some()
                && row.attempts == 0
                && !row.suspected
                && row.place == first.place
                && row.record_key == first.record_key
                && bytes <= self.limits.bundle_bytes;
            if !is_fit {
                return None;
            }
            bundle.push(*other);
        }
        Some((name.clone(), bundle))
    }
}
