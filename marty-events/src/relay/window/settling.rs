//! Rows that are done: delivered or buried, and then gone from the outbox.

use std::{collections::HashSet, time::Instant};

use super::{State, Window};
use crate::outbox::RowId;

/// The most rows locked by somebody else that are tried at a time.
const MOST_LOCKED: usize = 1_000;

impl Window {
    /// The row is in the dead letters now: its key goes on.
    pub(in crate::relay) fn buried(&mut self, seq: i64, now: Instant) {
        self.released();
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
        let some = self.locked.len().min(MOST_LOCKED);
        self.delivered.extend(self.locked.drain(..some));
    }

    /// The number of delivered rows that somebody else has locked.
    pub(in crate::relay) fn locked(&self) -> usize {
        self.locked.len()
    }

    /// The first `count` unsettled rows are out of the outbox, but for those in `except`.
    pub(in crate::relay) fn settled(&mut self, count: usize, except: &[i64], now: Instant) {
        let except: HashSet<i64> = except.iter().copied().collect();
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

    pub(super) fn is_gone(&mut self, seq: i64, now: Instant) {
        if let Some(row) = self.rows.get_mut(&seq) {
            row.state = State::Gone;
            self.gone.push_back((now, seq));
        }
    }
}
