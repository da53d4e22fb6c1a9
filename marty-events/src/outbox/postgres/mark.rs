//! The text by which another relay goes on where one has stopped.

use std::{collections::BTreeMap, fmt};

use super::snapshot::Place;

/// The first word of a mark, so that a later version can write another one.
const VERSION: &str = "1";
/// The most transactions that a mark names, so that it stays short: it is written with every heartbeat.
const MOST: usize = 32;

/// A position whose cursor is at the last number below which everything is settled; see `position.rs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) place: Place,
    pub(super) low: i64,
    pub(super) seen: i64,
    pub(super) behind: i64,
    pub(super) next_xid: u64,
    pub(super) named: BTreeMap<u64, i64>,
}

impl Mark {
    /// Without the transactions whose numbers are all above it, and with a few of the others: it goes back to below the rest.
    pub(super) fn bounded(mut self) -> Self {
        let mut floors: Vec<i64> = self.named.values().copied().filter(|floor| *floor < self.low).collect();
        floors.sort_unstable();
        if let Some(floor) = floors.get(MOST) {
            self.low = *floor;
        }
        self.named.retain(|_, floor| *floor < self.low);
        // The transactions that are left out draw numbers above it, as those do that no snapshot has named.
        self.behind = self.behind.min(self.low);
        self
    }

    /// One mark below all of these, if they are of one table.
    pub(super) fn union(marks: Vec<Self>) -> Option<Self> {
        marks.into_iter().map(Some).reduce(|one, other| one?.with(other?)).flatten()
    }

    fn with(mut self, other: Self) -> Option<Self> {
        if self.place.file != other.place.file {
            return None;
        }
        if self.place.started != other.place.started {
            // No server's: whichever it is, it has started since one of them.
            self.place.started = 0;
        }
        for (xid, floor) in other.named {
            self.named.entry(xid).and_modify(|own| *own = floor.min(*own)).or_insert(floor);
        }
        self.low = self.low.min(other.low);
        self.seen = self.seen.max(other.seen);
        self.behind = self.behind.min(other.behind);
        self.next_xid = self.next_xid.min(other.next_xid);
        Some(self)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next()? != VERSION {
            return None;
        }
        let mut number = || words.next()?.parse::<i64>().ok();
        let place = Place { file: number()?, started: number()? };
        let (low, seen, behind) = (number()?, number()?, number()?);
        let next_xid = words.next()?.parse().ok()?;
        let named = words.map(|word| {
            let (xid, floor) = word.split_once(':')?;
            Some((xid.parse().ok()?, floor.parse().ok()?))
        });
        Some(Self { place, low, seen, behind, next_xid, named: named.collect::<Option<_>>()? })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place: Place { started, file }, low, seen, behind, next_xid, named } = self;
        write!(f, "{VERSION} {file} {started} {low} {seen} {behind} {next_xid}")?;
        named.iter().try_for_each(|(xid, floor)| write!(f, " {xid}:{floor}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(low: i64, named: &[(u64, i64)]) -> Mark {
        let place = Place { started: 7, file: 9 };
        Mark { place, low, seen: 900, behind: 500, next_xid: 80, named: named.iter().copied().collect() }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for mark in [mark(600, &[]), mark(i64::MIN, &[(1, i64::MIN), (70, -3)])] {
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        }
        for text in ["", "2 9 7 1 1 1 1", "1 9 7 1 1 1", "1 9 7 1 1 1 1 x", "1 9 7 1 1 1 1 2:"] {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_mark_stays_short_and_goes_below_what_it_leaves_out() {
        let named: Vec<(u64, i64)> =
            (0..100).map(|number| (number, i64::try_from(number).expect("small") * 5)).collect();
        let short = mark(600, &named).bounded();
        assert_eq!((short.named.len(), short.low, short.behind), (32, 160, 160));
        let few = mark(12, &[(1, 10), (2, 12)]).bounded();
        assert_eq!((few.named, few.low, few.behind), ([(1, 10)].into(), 12, 12));
    }

    #[test]
    fn several_marks_are_one_below_all_of_them() {
        let lower = Mark { next_xid: 60, behind: 90, seen: 400, ..mark(100, &[(1, 20), (2, 30)]) };
        let union = Mark::union(vec![mark(600, &[(2, 10), (3, 40)]), lower]).expect("one");
        assert_eq!((union.low, union.seen, union.behind, union.next_xid), (100, 900, 90, 60));
        assert_eq!(union.named, [(1, 20), (2, 10), (3, 40)].into());
        let started = Mark { place: Place { started: 8, file: 9 }, ..mark(1, &[]) };
        assert_eq!(Mark::union(vec![mark(2, &[]), started]).expect("one").place.started, 0);
        let elsewhere = Mark { place: Place { started: 7, file: 8 }, ..mark(1, &[]) };
        assert_eq!(Mark::union(vec![mark(2, &[]), elsewhere]), None);
        assert_eq!(Mark::union(Vec::new()), None);
    }
}
