//! How far a relay has read, exactly, without a scan from the beginning.
//!
//! A relay reads forward from the highest number it has seen. A lower number can still come: its transaction drew it
//! earlier and commits later. Such a transaction had its id before it drew the number (the insert sees to it), so it is
//! among those that the snapshot of the read names as in progress; or it got its id after the snapshot, and then its
//! numbers are higher than all that the snapshot shows. So the position keeps the transactions in progress, and the read
//! after the end of one fetches its rows from among the lower numbers. Nothing waits for a transaction that stays open,
//! and nothing is read from the head of the table, where dead rows gather.

use std::collections::BTreeMap;

use super::super::store::Position;

/// Position of a relay in a PostgreSQL outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresPosition {
    /// The highest number that was read.
    cursor: i64,
    /// Transactions that may still commit lower numbers, each with a bound that its numbers are above.
    in_progress: BTreeMap<u64, i64>,
    /// The first transaction id that was not assigned at the last read.
    next_xid: u64,
    /// Which server this is true of, by the time of its start: another one's ids and numbers may have fallen back.
    server: Option<i64>,
}

impl Default for PostgresPosition {
    fn default() -> Self {
        Self { cursor: i64::MIN, in_progress: BTreeMap::new(), next_xid: 0, server: None }
    }
}

impl Position for PostgresPosition {
    fn restart(&mut self) {
        *self = Self::default();
    }
}

/// What a read showed besides the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) snapshot: Snapshot,
    /// The server's start, in microseconds.
    pub(super) server: i64,
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

impl PostgresPosition {
    pub(super) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// The transactions that may still commit lower numbers, and for each a bound that its numbers are above.
    pub(super) fn in_progress(&self) -> (Vec<String>, Vec<i64>) {
        self.in_progress.iter().map(|(xid, floor)| (xid.to_string(), *floor)).unzip()
    }

    /// Whether what was read is true of the server that the position is of; where it is not, the rows must not be taken
    /// and the position has begun anew.
    pub(super) fn recognises(&mut self, sight: &Sight) -> bool {
        let same = self.server.is_none_or(|server| server == sight.server) && self.next_xid <= sight.snapshot.next_xid;
        if !same {
            self.restart();
        }
        same
    }

    /// Late rows came up to `last` and there are more of them: nothing behind the cursor may be taken before.
    pub(super) fn advance_late(&mut self, sight: &Sight, last: i64) {
        for (xid, floor) in &mut self.in_progress {
            if sight.snapshot.is_over(*xid) {
                *floor = (*floor).max(last);
            }
        }
    }

    /// All late rows came, and those behind the cursor up to `last`.
    pub(super) fn advance(&mut self, sight: &Sight, last: Option<i64>) {
        let Sight { snapshot, server } = sight;
        self.in_progress.retain(|xid, _| !snapshot.is_over(*xid));
        for xid in &snapshot.in_progress {
            // What is new here got its id after the last read, so its numbers are above all that were read then.
            self.in_progress.entry(*xid).or_insert(self.cursor);
        }
        self.next_xid = snapshot.next_xid;
        self.server = Some(*server);
        self.cursor = last.map_or(self.cursor, |last| last.max(self.cursor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(snapshot: &str) -> Sight {
        Sight { snapshot: Snapshot::parse(snapshot).expect("a snapshot"), server: 1 }
    }

    #[test]
    fn a_transaction_that_was_in_progress_is_waited_for_above_what_was_read_before_it() {
        let mut position = PostgresPosition::default();
        position.advance(&sight("10:12:10"), Some(100));
        assert_eq!((position.cursor(), position.in_progress()), (100, (vec!["10".to_owned()], vec![i64::MIN])));
        position.advance(&sight("10:15:10,13"), Some(120));
        assert_eq!(position.in_progress(), (vec!["10".to_owned(), "13".to_owned()], vec![i64::MIN, 100]));
        position.advance(&sight("13:15:13"), None);
        assert_eq!((position.cursor(), position.in_progress()), (120, (vec!["13".to_owned()], vec![100])));
        position.advance(&sight("15:15:"), Some(121));
        assert_eq!(position.in_progress(), (vec![], vec![]));
    }

    #[test]
    fn late_rows_that_come_in_parts_raise_the_bound_of_what_is_over() {
        let mut position = PostgresPosition::default();
        position.advance(&sight("10:12:10,11"), Some(100));
        position.advance_late(&sight("11:12:11"), 40);
        assert_eq!(position.in_progress(), (vec!["10".to_owned(), "11".to_owned()], vec![40, i64::MIN]));
        assert_eq!(position.cursor(), 100);
    }

    #[test]
    fn another_server_or_ids_that_fell_back_begin_anew() {
        for other in [Sight { server: 2, ..sight("20:20:") }, sight("9:9:")] {
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
