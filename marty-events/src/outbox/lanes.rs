//! The lanes, by which relays share the work: every row goes by one of a fixed number of lanes, and every lane has one owner at a time.

/// The number of lanes: the most relays that can work side by side.
pub(crate) const LANES: i64 = 16;

/// The lane of a row by its `key_hash`, in SQL.
pub(crate) const LANE_OF: &str = "(1 + key_hash % 16)";

/// A relay's right to deliver the rows of one lane, until it expires or another term begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    pub(crate) number: i32,
    /// Issued by the database; grows with every change of owner.
    pub(crate) term: i64,
}

/// The portion of the backlog that one read brings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portion<'l> {
    pub(crate) lanes: &'l [Lane],
    /// The most rows.
    pub(crate) rows: i64,
    /// The most bytes of headers and payloads, in all.
    pub(crate) bytes: i64,
}

impl Portion<'_> {
    /// The longest row that is read whole.
    pub(crate) fn longest(self) -> i64 {
        self.bytes / self.rows.max(1)
    }

    /// The longest row that is read whole where late rows come beside a [span](Self::span).
    pub(crate) fn longest_of_span(self) -> i64 {
        self.bytes / self.span().saturating_mul(2).max(1)
    }

    /// The number of rows of all lanes to look at: other relays' rows are passed over, and are small.
    pub(crate) fn span(self) -> i64 {
        let own = i64::try_from(self.lanes.len()).unwrap_or(LANES).max(1);
        self.rows.saturating_mul((LANES / own).min(4))
    }
}

/// The lane of a row by its `key_hash`.
pub(crate) fn lane_of(key_hash: i64) -> i32 {
    // The remainder is between 0 and 15, so the fallback is never taken.
    1 + i32::try_from(key_hash.rem_euclid(LANES)).unwrap_or_default()
}

/// The number of lanes that a relay should have when `relays` of them are there.
pub(crate) fn share(relays: i64) -> i64 {
    let relays = relays.max(1);
    (LANES + relays - 1) / relays
}
