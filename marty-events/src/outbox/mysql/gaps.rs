//! The numbers that are missing below a relay's position.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Before a gap is that old, its row may be in the middle of being inserted.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Gaps are not asked about one by one: a question comes with those that grow old meanwhile.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// The longest time until a gap with a row of an open transaction is asked about once more.
const LONGEST_PATIENCE: Duration = Duration::from_mins(1);
/// More gaps are joined to fewer and wider ones: those hold numbers that were read already, which does no harm.
const MOST_GAPS: usize = 1 << 16;

/// Ranges of missing numbers; no two overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Gaps(BTreeMap<i64, Gap>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap {
    last: i64,
    since: Instant,
    patience: Duration,
}

impl Gaps {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn first(&self) -> Option<i64> {
        self.0.first_key_value().map(|(first, _)| *first)
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        self.at(number).is_some()
    }

    /// All of them, each from its first number to its last.
    pub(super) fn all(&self) -> Vec<(i64, i64)> {
        self.0.iter().map(|(first, gap)| (*first, gap.last)).collect()
    }

    /// The numbers from `first` to `last` are missing, and were not before.
    pub(super) fn open(&mut self, first: i64, last: i64, since: Instant) {
        self.insert(first, Gap { last, since, patience: PATIENCE });
        while MOST_GAPS < self.0.len() {
            self.join();
        }
    }

    /// All of them are as if they had been found now.
    pub(super) fn renew(&mut self, now: Instant) {
        for gap in self.0.values_mut() {
            (gap.since, gap.patience) = (now, PATIENCE);
        }
    }

    pub(super) fn close(&mut self, number: i64) {
        self.remove(number, number);
    }

    /// Forgets the numbers from `first` to `last`.
    pub(super) fn remove(&mut self, first: i64, last: i64) {
        if let Some((start, gap)) = self.at(first) {
            self.0.remove(&start);
            if start < first {
                self.0.insert(start, Gap { last: first - 1, ..gap });
            }
            self.0.insert(first, gap);
        }
        while let Some((&start, &gap)) = self.0.range(first..=last).next() {
            self.0.remove(&start);
            if last < gap.last {
                self.0.insert(last + 1, gap);
            }
        }
    }

    /// The gaps that are old enough to be asked about, `most` of them and `width` numbers at the most; none unless that is due.
    pub(super) fn old(&self, now: Instant, most: usize, width: i64) -> Vec<(i64, i64)> {
        let age = |gap: &Gap| now.duration_since(gap.since);
        if !self.0.values().any(|gap| gap.patience + PAUSE <= age(gap)) {
            return Vec::new();
        }
        let mut left = width;
        let old = self.0.iter().filter(|(_, gap)| gap.patience <= age(gap)).take(most);
        let mut asked = Vec::new();
        for (first, gap) in old {
            if left <= 0 {
                break;
            }
            let last = gap.last.min(first.saturating_add(left - 1));
            left -= last - first + 1;
            asked.push((*first, last));
        }
        asked
    }

    /// Leaves of the gaps `asked` about only the numbers `there`, which are in ascending order. The next question about these
    /// comes later.
    pub(super) fn narrow(&mut self, asked: &[(i64, i64)], there: &[i64], now: Instant) {
        let later = |(_, gap): (i64, Gap)| (2 * gap.patience).min(LONGEST_PATIENCE);
        let kept: Vec<_> = there.iter().filter_map(|number| Some((*number, later(self.at(*number)?)))).collect();
        for (first, last) in asked {
            self.remove(*first, *last);
        }
        for (number, patience) in kept {
            self.insert(number, Gap { last: number, since: now, patience });
        }
    }

    /// Ranges that hold all gaps, `most` at the most, and how many other numbers they hold besides: the closest gaps are joined.
    pub(super) fn covered(&self, most: usize) -> (Vec<(i64, i64)>, i64) {
        let gaps = self.all();
        if gaps.len() <= most.max(1) {
            return (gaps, 0);
        }
        let between = |pair: &[(i64, i64)]| pair[1].0 - pair[0].1 - 1;
        let mut widest: Vec<(i64, usize)> =
            gaps.windows(2).enumerate().map(|(place, pair)| (between(pair), place)).collect();
        widest.sort_unstable_by(|one, other| other.cmp(one));
        let besides = widest[most.max(1) - 1..].iter().map(|(width, _)| width).sum();
        let mut ends: Vec<usize> = widest[..most.max(1) - 1].iter().map(|(_, place)| *place).collect();
        ends.sort_unstable();
        ends.push(gaps.len() - 1);
        let mut start = 0;
        let join = |end: usize| {
            let range = (gaps[start].0, gaps[end].1);
            start = end + 1;
            range
        };
        (ends.into_iter().map(join).collect(), besides)
    }

    fn at(&self, number: i64) -> Option<(i64, Gap)> {
        let (&first, &gap) = self.0.range(..=number).next_back()?;
        (number <= gap.last).then_some((first, gap))
    }

    fn insert(&mut self, first: i64, gap: Gap) {
        if let Some((_, before)) = self.0.range_mut(..first).next_back()
            && before.last + 1 == first
            && (before.since, before.patience) == (gap.since, gap.patience)
        {
            before.last = gap.last;
        } else {
            self.0.insert(first, gap);
        }
    }

    fn join(&mut self) {
        let (joined, _) = self.covered(MOST_GAPS / 2);
        let gaps = std::mem::take(&mut self.0);
        for (first, last) in joined {
            // As young as the youngest of them.
            let parts = gaps.range(first..=last).map(|(_, gap)| *gap);
            let youngest = parts.max_by_key(|gap| gap.since);
            self.0.extend(youngest.map(|gap| (first, Gap { last, ..gap })));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_leave_a_gap_from_any_place() {
        let now = Instant::now();
        let mut gaps = Gaps::default();
        gaps.open(1, 10, now);
        gaps.open(11, 20, now);
        assert_eq!(gaps.all(), [(1, 20)], "what belongs together is one");
        for number in [1, 5, 20, 20, 99] {
            gaps.close(number);
        }
        assert_eq!(gaps.all(), [(2, 4), (6, 19)]);
        gaps.remove(4, 7);
        assert_eq!(gaps.all(), [(2, 3), (8, 19)]);
        assert!(gaps.contains(8) && !gaps.contains(7));
        gaps.remove(i64::MIN, 2);
        gaps.remove(10, i64::MAX);
        assert_eq!(gaps.all(), [(3, 3), (8, 9)]);
    }

    #[test]
    fn a_gap_is_asked_about_in_time_and_ever_more_seldom_while_its_transaction_is_open() {
        let begin = Instant::now();
        let mut gaps = Gaps::default();
        gaps.open(1, 4, begin);
        assert_eq!(gaps.old(begin + PATIENCE, 9, 99), [], "not before it is due");
        gaps.open(6, 6, begin + PAUSE / 2);
        let due = begin + PATIENCE + PAUSE;
        gaps.open(8, 8, due);
        let old = gaps.old(due, 9, 99);
        assert_eq!(old, [(1, 4), (6, 6)], "the youngest one waits");
        assert_eq!(gaps.old(due, 1, 99), [(1, 4)]);
        assert_eq!(gaps.old(due, 9, 3), [(1, 3)]);
        gaps.narrow(&old, &[2, 3], due);
        assert_eq!(gaps.all(), [(2, 3), (8, 8)]);
        let later = due + PATIENCE + PAUSE;
        assert_eq!(gaps.old(later, 9, 99), [(8, 8)]);
        gaps.narrow(&[(8, 8)], &[], later);
        assert_eq!(gaps.old(later, 9, 99), []);
        let mut now = due + 2 * PATIENCE + PAUSE;
        for _ in 0..10 {
            assert_eq!(gaps.old(now, 9, 99), [(2, 3)]);
            gaps.narrow(&[(2, 3)], &[2, 3], now);
            now += LONGEST_PATIENCE + PAUSE;
        }
    }

    #[test]
    fn many_gaps_are_covered_by_few_ranges() {
        let now = Instant::now();
        let mut gaps = Gaps::default();
        for number in [1, 3, 10, 12, 14, 30] {
            gaps.open(number, number, now);
        }
        assert_eq!(gaps.covered(6), (gaps.all(), 0));
        assert_eq!(gaps.covered(3), (vec![(1, 3), (10, 14), (30, 30)], 3));
        assert_eq!(gaps.covered(1), (vec![(1, 30)], 24));
        for number in 0..=i64::try_from(MOST_GAPS).unwrap() {
            gaps.open(100 + 2 * number, 100 + 2 * number, now);
        }
        assert!(gaps.0.len() <= MOST_GAPS);
        for number in [1, 3, 10, 12, 14, 30, 100, 102, 100 + 2 * 65_536] {
            assert!(gaps.contains(number), "{number}");
        }
    }
}
