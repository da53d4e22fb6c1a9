use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::Place;

#[derive(Debug, Default)]
pub(super) struct Key {
    /// The rows that are here, in order; only the first may be ready, under way or refused.
    pub(super) whole: VecDeque<i64>,
    /// Those that are not.
    pub(super) numbers: BTreeMap<i64, Noted>,
    /// The first row was refused, or its destination does not answer.
    pub(super) is_blocked: bool,
}

/// A row that is not here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted {
    pub(super) place: Place,
    pub(super) size: usize,
    pub(super) created_at: Timestamp,
    /// Counted among the numbers of keys that do not go on.
    pub(super) suffers: bool,
}

impl Key {
    /// Further rows of the key should be here.
    pub(super) fn runs_dry(&self, most: usize) -> bool {
        !self.is_blocked && self.whole.len() <= most / 2
    }

    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.numbers.is_empty()
    }
}
