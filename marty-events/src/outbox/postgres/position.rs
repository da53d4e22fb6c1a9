//! How far a relay has read, exactly, without a scan from the beginning.
//!
//! A relay reads forward from the highest number it has seen. A lower number can still come: its transaction drew it
//! earlier and commits later. Such a transaction had its id before it drew the number (the insert sees to it), and was
//! running when the read took its snapshot. A snapshot names the running transactions, but only those below the newest
//! id that was over (PostgreSQL, `GetSnapshotData` in procarray.c: `xmax` is `latestCompletedXid + 1`). So there are two kinds:
//!
//! - those that the snapshot named: the position keeps them, and the read after the end of one fetches its rows from
//!   among the lower numbers;
//! - those with an id from `xmax` on: the next read fetches their rows by that, and by then they are over or named.
//!
//! Every read uses up a transaction id itself. The next snapshot's `xmax` is above it, so a transaction that this one did
//! not name began after the read before, and its numbers are above all that were seen then: the search for late rows is
//! bounded from below. Nothing waits for a transaction that stays open, and nothing is read from the head of the table,
//! where dead rows gather.

use std::collections::BTreeMap;

use super::super::store::Position;

/// Position of a relay in a PostgreSQL outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresPosition {
    /// The highest number that was read.
    cursor: i64,
    /// The same before the last read.
    behind: i64,
    /// Transactions that may still commit numbers up to the cursor, each with a bound that its numbers are above.
    named: BTreeMap<u64, i64>,
    /// `xmax` of the last read: a transaction from here on may have, above `behind`.
    next_xid: u64,
    /// Which table of which server this is true of: another one's ids and numbers may have fallen back.
    place: Option<String>,
}

impl Default for PostgresPosition {
    fn default() -> Self {
        Self { cursor: i64::MIN, behind: i64::MIN, named: BTreeMap::new(), next_xid: 0, place: None }
    }
}

impl Position for PostgresPosition {
    fn resume(_: &[Option<String>]) -> Self {
        Self::default()
    }

    fn mark(&self, _: Option<i64>) -> Option<String> {
        None
    }

    fn low(&self) -> i64 {
        i64::MIN
    }

    fn reached(&self) -> i64 {
        self.cursor
    }

    fn is_new(&self) -> bool {
        self.place.is_none()
    }
}

/// What a read showed besides the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) snapshot: Snapshot,
    /// The server's start and the table's storage: a server that was started again, a table that was emptied or made anew,
    /// and a restore are others than before.
    pub(super) place: String,
}

/// `pg_snapshot`: which transactions were over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    next_xid: u64,
    in_progress: Vec<u64>,
}

impl Snapshot {
    /// Reads `xmin:xmax:xip,xip` (PostgreSQL, "Transaction ID and Snapshot Information Functions").
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (_, next_xid, in_progress) = (parts.next()?, parts.next()?, parts.next()?);
        let in_progress = in_progress.split(',').filter(|xid| !xid.is_empty());
        Some(Self {
            next_xid: next_xid.parse().ok()?,
            in_progress: in_progress.map(|xid| xid.parse().ok()).collect::<Option<_>>()?,
        })
    }

    fn is_over(&self, xid: u64) -> bool {
        xid < self.next_xid && !self.in_progress.contains(&xid)
    }
}

/// What a statement needs to find the rows that came late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) cursor: i64,
    pub(super) behind: i64,
    pub(super) next_xid: String,
    pub(super) named: Vec<String>,
    pub(super) floors: Vec<i64>,
}

impl PostgresPosition {
    pub(super) fn bounds(&self) -> Bounds {
        let (named, floors) = self.named.iter().map(|(xid, floor)| (xid.to_string(), *floor)).unzip();
        Bounds { cursor: self.cursor, behind: self.behind, next_xid: self.next_xid.to_string(), named, floors }
    }

    /// Empty where nothing was read yet.
    pub(super) fn place(&self) -> &str {
        self.place.as_deref().unwrap_or_default()
    }

    /// Whether what was read is true of the place that the position is of; where it is not, the rows must not be taken
    /// and the position has begun anew.
    pub(super) fn recognises(&mut self, sight: &Sight) -> bool {
        let same =
            self.place.as_ref().is_none_or(|place| *place == sight.place) && self.next_xid <= sight.snapshot.next_xid;
        if !same {
            *self = Self::default();
        }
        same
    }

    /// All late rows came, and those behind the cursor up to `last`.
    pub(super) fn advance(&mut self, sight: &Sight, last: Option<i64>) {
        let Sight { snapshot, place } = sight;
        self.named.retain(|xid, _| !snapshot.is_over(*xid));
        for xid in &snapshot.in_progress {
            // It was not named by the last snapshot, so it began after the read before that.
            self.named.entry(*xid).or_insert(self.behind);
        }
        self.behind = self.cursor;
        self.cursor = last.map_or(self.cursor, |last| last.max(self.cursor));
        self.next_xid = snapshot.next_xid;
        self.place = Some(place.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(snapshot: &str) -> Sight {
        Sight { snapshot: Snapshot::parse(snapshot).expect("a snapshot"), place: "1".to_owned() }
    }

    fn named(position: &PostgresPosition) -> Vec<(u64, i64)> {
        position.named.iter().map(|(xid, floor)| (*xid, *floor)).collect()
    }

    #[test]
    fn a_named_transaction_is_waited_for_above_what_was_read_two_reads_before() {
        let mut position = PostgresPosition::default();
        position.advance(&sight("10:12:10"), Some(100));
        assert_eq!((position.cursor, position.behind, named(&position)), (100, i64::MIN, vec![(10, i64::MIN)]));
        position.advance(&sight("10:15:10,13"), Some(120));
        assert_eq!(named(&position), [(10, i64::MIN), (13, i64::MIN)], "13 may have run unnamed at the first read");
        position.advance(&sight("13:18:13,16"), None);
        assert_eq!(named(&position), [(13, i64::MIN), (16, 100)], "16 began after the first read");
        assert_eq!((position.cursor, position.behind, position.next_xid), (120, 120, 18));
        position.advance(&sight("18:18:"), Some(121));
        assert_eq!(named(&position), []);
    }

    #[test]
    fn another_server_or_ids_that_fell_back_begin_anew() {
        for other in [Sight { place: "2".to_owned(), ..sight("20:20:") }, sight("9:9:")] {
            let mut position = PostgresPosition::default();
            position.advance(&sight("10:12:10"), Some(100));
            assert!(position.recognises(&sight("12:12:")));
            assert!(!position.recognises(&other));
            assert_eq!(position, PostgresPosition::default());
        }
    }

    #[test]
    fn what_is_no_snapshot_is_not_read() {
        for text in ["", "1:2", "a:b:", "1:2:x"] {
            assert_eq!(Snapshot::parse(text), None, "{text}");
        }
    }
}
