use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::Place;

#[derive(Debug, Default)]
pub(super) struct Key {
    /// The rows that are here, in order; only the first may be ready, under way or refused, but for a bundle.
    pub(super) whole: VecDeque<i64>,
    /// The first rows that are here are those of a bundle, until all of it has landed: so many, and so many of these are under way.
    pub(super) bundle: usize,
    pub(super) together: usize,
    /// A row of the bundle has failed, and others are still under way.
    pub(super) is_torn: bool,
    /// A bundle with this row has failed: rows up to it go one by one.
    pub(super) alone_until: i64,
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
        !self.is_blocked && self.waiting() <= most / 2
    }

    /// The rows that are here and do not belong to a bundle under way.
    pub(super) fn waiting(&self) -> usize {
        self.whole.len() - self.bundle
    }

    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.numbers.is_empty()
    }
}
