//! Rows that were read and not kept.
//!
//! Their keys are *closed*, by the hash that also names their lane. Two keys with one hash wait for each other, which is seldom and harms
//! no order. Once the reason may have gone, a *pass* reads the rows from the first that was left behind, beside the reading of new rows,
//! and admits as many as it can. A key that the pass leaves behind again is *shut*. A new row of a key that is closed, and not shut, is
//! *behind* the pass; a further pass fetches it.

use std::collections::HashSet;

use jiff::Timestamp;

#[derive(Debug, Default)]
pub(super) struct LeftBehind {
    closed: HashSet<u32>,
    shut: HashSet<u32>,
    behind: HashSet<u32>,
    /// The first row that was left behind.
    first: Option<i64>,
    oldest: Option<Timestamp>,
    /// The reason may have gone for one of them.
    may_return: bool,
    pass: Option<Pass>,
}

#[derive(Debug)]
struct Pass {
    /// Up to here it has read.
    at: i64,
    to: i64,
    oldest: Option<Timestamp>,
}

/// The hash by which a key is closed.
pub(super) fn hash(key: &str) -> u32 {
    crc32fast::hash(key.as_bytes())
}

impl LeftBehind {
    pub(super) fn lowest(&self) -> Option<i64> {
        let pass = self.pass.as_ref().map(|pass| pass.at.saturating_add(1));
        pass.into_iter().chain(self.first).min()
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.pass.as_ref().and_then(|pass| pass.oldest).into_iter().chain(self.oldest).min()
    }

    /// No row must stay behind for its key's sake, as nearly always: then nobody needs a key's hash.
    pub(super) fn closes_none(&self) -> bool {
        self.closed.is_empty() && self.shut.is_empty() && self.behind.is_empty()
    }

    /// A new row of the key must stay behind.
    pub(super) fn is_closed(&self, hash: u32) -> bool {
        self.closed.contains(&hash) || self.is_shut(hash) || self.behind.contains(&hash)
    }

    /// A row of the key that the pass has read must stay behind.
    pub(super) fn is_shut(&self, hash: u32) -> bool {
        self.shut.contains(&hash)
    }

    /// Leaves a row behind for its own sake, and closes its key.
    pub(super) fn leave(&mut self, seq: i64, key: Option<u32>, created_at: Timestamp) {
        let closed = if self.pass.is_some() { &mut self.shut } else { &mut self.closed };
        closed.extend(key);
        self.note(seq, created_at);
    }

    /// Leaves a row behind because its key is closed.
    pub(super) fn leave_behind(&mut self, seq: i64, key: u32, created_at: Timestamp) {
        if self.pass.is_some() {
            self.behind.insert(key);
        }
        self.note(seq, created_at);
    }

    /// Rows from `seq` on were never read, or may be read once more.
    pub(super) fn look_from(&mut self, seq: i64) {
        self.first = Some(self.first.map_or(seq, |first| first.min(seq)));
        self.may_return = true;
    }

    fn note(&mut self, seq: i64, created_at: Timestamp) {
        self.first = Some(self.first.map_or(seq, |first| first.min(seq)));
        self.oldest = Some(self.oldest.map_or(created_at, |oldest| oldest.min(created_at)));
    }

    /// The reason that kept a row back may have gone.
    pub(super) fn may_return(&mut self) {
        self.may_return = true;
    }

    /// A pass is due if everything up to `reached` was read. Rows above that are read in any case.
    pub(super) fn pass_is_due(&self, reached: i64) -> bool {
        self.may_return && self.first.is_some_and(|first| first <= reached) && self.pass.is_none()
    }

    /// Begins a pass that reads the rows up to `to`.
    pub(super) fn begin_pass(&mut self, to: i64) {
        let Some(first) = self.first.take() else { return };
        self.may_return = false;
        self.pass = Some(Pass { at: first.saturating_sub(1), to, oldest: self.oldest.take() });
    }

    /// Gives a pass up that is under way; a later one reads the rest.
    pub(super) fn cancel_pass(&mut self) {
        let Some(Pass { at, oldest, .. }) = self.pass.take() else { return };
        self.closed.extend(std::mem::take(&mut self.shut));
        self.closed.extend(std::mem::take(&mut self.behind));
        self.oldest = oldest.into_iter().chain(self.oldest).min();
        self.look_from(at.saturating_add(1));
    }

    /// The numbers that the pass still has to read: above the first, and not above the second.
    pub(super) fn pass(&self) -> Option<(i64, i64)> {
        self.pass.as_ref().map(|pass| (pass.at, pass.to))
    }

    /// The pass has read up to `seq`.
    pub(super) fn pass_reached(&mut self, seq: i64) {
        let Some(pass) = &mut self.pass else { return };
        pass.at = pass.at.max(seq);
        if pass.at < pass.to {
            return;
        }
        self.pass = None;
        self.may_return |= self.behind.iter().any(|key| !self.shut.contains(key));
        self.closed = std::mem::take(&mut self.shut);
        self.closed.extend(std::mem::take(&mut self.behind));
    }
}
