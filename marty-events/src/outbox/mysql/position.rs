//! How far a relay has read, where the database does not show which transactions are open.
//!
//! Numbers are given in the order of the inserts and become visible in the order of the commits. So a number that is
//! missing below the highest one that was read may still come, and every read asks for the missing ones too. Most of them
//! never come: they were rolled back, or delivered by another relay. What becomes of a gap is asked under `READ
//! UNCOMMITTED`, which shows rows of open transactions (MySQL, "Transaction Isolation Levels"): a number that is not even
//! there is given up; one that is there stays a gap however long its transaction takes.
//!
//! Between drawing a number and inserting its row a server takes microseconds, in which not even that shows it. So nothing
//! is asked about a gap before it has been one for [`PATIENCE`]; and a relay reads the whole outbox anew every few
//! minutes, so that whatever a stalled server may do here can cost a row its order, and never its delivery.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::super::store::Position;

/// Before a gap is that old, its row may be in the middle of being inserted.
const PATIENCE: Duration = Duration::from_secs(3);

/// Gaps are not asked about more often than this: it takes a connection of its own.
const PAUSE: Duration = Duration::from_secs(1);

/// More gaps are joined to fewer and wider ones: those hold numbers that were read already, which does no harm.
const MOST_GAPS: usize = 512;

/// Position of a relay in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct MySqlPosition {
    /// The highest number that was read; the database begins at 1.
    cursor: i64,
    /// Whether a page was read, which may have been empty.
    is_begun: bool,
    /// The first number of each gap.
    gaps: BTreeMap<i64, Gap>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap {
    last: i64,
    since: Instant,
}

impl Position for MySqlPosition {
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
        !self.is_begun
    }
}

impl MySqlPosition {
    pub(super) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// The gaps, each from its first number to its last.
    pub(super) fn gaps(&self) -> Vec<(i64, i64)> {
        self.gaps.iter().map(|(first, gap)| (*first, gap.last)).collect()
    }

    /// Those that are old enough to be asked about; none unless that is due.
    pub(super) fn old_gaps(&self, now: Instant) -> Vec<(i64, i64)> {
        let age = |gap: &Gap| now.duration_since(gap.since);
        if !self.gaps.values().any(|gap| PATIENCE + PAUSE <= age(gap)) {
            return Vec::new();
        }
        let old = self.gaps.iter().filter(|(_, gap)| PATIENCE <= age(gap));
        old.map(|(first, gap)| (*first, gap.last)).collect()
    }

    /// Of the gaps `asked` about, only the numbers `there` are left; they are in ascending order.
    pub(super) fn narrow(&mut self, asked: &[(i64, i64)], there: &[i64], now: Instant) {
        for (first, _) in asked {
            self.gaps.remove(first);
        }
        for number in there {
            self.open(*number, *number, now);
        }
        self.join();
    }

    /// The numbers `late` were read, and all behind the cursor up to the last of `next`, of which those that are not among
    /// `next` are missing. Both are in ascending order.
    pub(super) fn advance(&mut self, late: &[i64], next: &[i64], now: Instant) {
        self.is_begun = true;
        for number in late {
            self.close(*number);
        }
        for number in next {
            if self.cursor + 1 < *number {
                self.open(self.cursor + 1, number - 1, now);
            }
            self.cursor = *number;
        }
        self.join();
    }

    fn open(&mut self, first: i64, last: i64, since: Instant) {
        if let Some((_, before)) = self.gaps.range_mut(..first).next_back()
            && before.last + 1 == first
            && before.since == since
        {
            before.last = last;
        } else {
            self.gaps.insert(first, Gap { last, since });
        }
    }

    fn close(&mut self, number: i64) {
        let Some((&first, &gap)) = self.gaps.range(..=number).next_back() else { return };
        if gap.last < number {
            return;
        }
        self.gaps.remove(&first);
        if first < number {
            self.gaps.insert(first, Gap { last: number - 1, ..gap });
        }
        if number < gap.last {
            self.gaps.insert(number + 1, gap);
        }
    }

    fn join(&mut self) {
        while MOST_GAPS < self.gaps.len() {
            let mut joined = BTreeMap::new();
            let mut gaps = std::mem::take(&mut self.gaps).into_iter();
            while let Some((first, gap)) = gaps.next() {
                let wider = match gaps.next() {
                    Some((_, next)) => Gap { last: next.last, since: gap.since.max(next.since) },
                    None => gap,
                };
                joined.insert(first, wider);
            }
            self.gaps = joined;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_below_the_cursor_is_a_gap_until_it_comes() {
        let now = Instant::now();
        let mut position = MySqlPosition::default();
        position.advance(&[], &[3, 4, 8], now);
        assert_eq!((position.cursor(), position.gaps()), (8, vec![(1, 2), (5, 7)]));
        position.advance(&[6], &[], now);
        assert_eq!(position.gaps(), [(1, 2), (5, 5), (7, 7)]);
        position.advance(&[1, 2, 5, 7], &[9], now);
        assert_eq!((position.cursor(), position.gaps()), (9, vec![]));
    }

    #[test]
    fn a_gap_is_asked_about_in_time_and_lives_on_while_its_transaction_does() {
        let begin = Instant::now();
        let mut position = MySqlPosition::default();
        position.advance(&[], &[5], begin);
        assert_eq!(position.old_gaps(begin + PATIENCE), [], "not before it is due");
        position.advance(&[], &[7], begin + PAUSE / 2);
        let due = begin + PATIENCE + PAUSE;
        position.advance(&[], &[9], due);
        let old = position.old_gaps(due);
        assert_eq!(old, [(1, 4), (6, 6)], "the youngest one waits");
        position.narrow(&old, &[2, 3], due);
        assert_eq!(position.gaps(), [(2, 3), (8, 8)]);
        let later = due + PATIENCE + PAUSE;
        position.narrow(&position.old_gaps(later), &[], later);
        assert_eq!(position.gaps(), []);
    }

    #[test]
    fn many_gaps_are_joined_without_leaving_any_out() {
        let now = Instant::now();
        let mut position = MySqlPosition::default();
        let every_second: Vec<i64> = (1..=5_000).map(|number| 2 * number).collect();
        position.advance(&[], &every_second, now);
        let gaps = position.gaps();
        assert!(gaps.len() <= MOST_GAPS);
        for missing in every_second.iter().map(|number| number - 1) {
            assert!(gaps.iter().any(|(first, last)| (*first..=*last).contains(&missing)), "{missing}");
        }
    }
}
