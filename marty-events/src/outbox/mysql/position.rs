//! The place up to which a relay has read, where the database does not show which transactions are open.
//!
//! Numbers are given in the order of the inserts and become visible in the order of the commits. So a number that is
//! missing below the highest one that was read may still come, and every read asks for the missing ones too. Most of them
//! never come: they were rolled back, or delivered by another relay. What becomes of a gap is asked under `READ
//! UNCOMMITTED`, which shows rows of open transactions (MySQL, "Transaction Isolation Levels"): a number that is not even
//! there is given up; one that is there stays a gap however long its transaction takes.
//!
//! Between drawing a number and inserting its row a server takes microseconds, and for the last row of a large statement as
//! long as that statement takes; in that time not even this look shows the row. So a gap is given up only once it has been one
//! for [`PATIENCE`](super::gaps::PATIENCE). A statement that is stalled for longer can cost a row its order, and not its
//! delivery: [`first_between`](super::super::queue::Queue::first_between) finds it.

mod mark;

use std::time::{Duration, Instant};

use super::{super::queue::Position, gaps::Gaps};

/// The count of numbers that a read looks through at first where the rows may be gone already.
const WIDTH: i64 = 100_000;
/// A read names no more ranges of missing numbers, and gets no more rows that lie between gaps that were joined.
pub(super) const MOST_RANGES: usize = 512;
const MOST_BESIDES: i64 = 5_000;
const NARROWEST: i64 = 1_000;
const WIDEST: i64 = 1 << 30;
/// A read that takes less time may look through twice as many numbers, and one that takes more than [`SLOW`] through half of them.
const FAST: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_millis(500);
/// Position of a relay in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MySqlPosition {
    /// Everything up to this number was read, but for the gaps; the database begins at 1.
    cursor: i64,
    /// The highest number that is known to have been given. Below it there may be any number of dead rows, so reads are bounded.
    top: i64,
    /// The count of numbers that such a read looks through.
    width: i64,
    /// A page was read, which may have been empty.
    is_begun: bool,
    gaps: Gaps,
    /// When the table was made: numbers of another table mean nothing here.
    created: Option<i64>,
}

/// The question of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    /// Rows behind the first of these numbers, up to the second one.
    pub(super) cursor: i64,
    pub(super) end: i64,
    /// All numbers up to the end were given already.
    pub(super) is_bounded: bool,
    /// Late rows in these ranges.
    pub(super) gaps: Vec<(i64, i64)>,
    pub(super) limit: i64,
    pub(super) late_limit: i64,
}

impl Default for MySqlPosition {
    fn default() -> Self {
        Self { cursor: 0, top: 0, width: WIDTH, is_begun: false, gaps: Gaps::default(), created: None }
    }
}

impl Position for MySqlPosition {
    fn resume(marks: &[Option<String>]) -> Self {
        let marks = marks.iter().map(|mark| mark::read(mark.as_deref()?)).collect::<Option<Vec<_>>>();
        let lowest = marks.and_then(|marks| {
            let mut marks = marks.into_iter();
            let first = marks.next()?;
            marks.try_fold(first, mark::lower)
        });
        lowest.unwrap_or_default()
    }

    fn mark(&self, lowest: Option<i64>) -> Option<String> {
        mark::write(self, lowest)
    }

    fn low(&self) -> i64 {
        let low = self.gaps.first().map_or(self.cursor, |first| self.cursor.min(first - 1));
        if low <= 0 { i64::MIN } else { low }
    }

    fn reached(&self) -> i64 {
        self.cursor
    }

    fn is_new(&self) -> bool {
        !self.is_begun
    }
}

impl MySqlPosition {
    /// The table was made at `created`, and is about to give the number `next`. A mark of another table, or of one that has been
    /// emptied since, is void.
    pub(super) fn begin(&mut self, created: i64, next: i64, now: Instant) {
        if self.created.is_some_and(|marked| marked != created) || next <= self.top {
            *self = Self::default();
        }
        // For how long they have been gaps, a mark does not tell.
        self.gaps.renew(now);
        self.created = Some(created);
        self.top = self.top.max(next - 1);
    }

    pub(super) fn cursor(&self) -> i64 {
        self.cursor
    }

    pub(super) fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// True if numbers behind the cursor were given already.
    pub(super) fn is_behind(&self) -> bool {
        self.cursor < self.top
    }

    /// The count of numbers that one statement looks through.
    pub(super) fn width(&self) -> i64 {
        self.width
    }

    /// A statement over about [`width`](Self::width) numbers took this long.
    pub(super) fn took(&mut self, time: Duration) {
        if time < FAST {
            self.width = (2 * self.width).min(WIDEST);
        } else if SLOW < time {
            self.width = (self.width / 2).max(NARROWEST);
        }
    }

    /// The question of the next read, `limit` rows of each kind.
    pub(super) fn ask(&self, limit: i64) -> Ask {
        let (gaps, besides) = self.gaps.covered(MOST_RANGES);
        let is_bounded = self.is_behind();
        let end = if is_bounded { self.cursor.saturating_add(self.width).min(self.top) } else { i64::MAX };
        let late_limit =
            limit.saturating_add(besides).saturating_add(1).min(limit.saturating_mul(4).saturating_add(MOST_BESIDES));
        Ask { cursor: self.cursor, end, is_bounded, gaps, limit, late_limit }
    }

    /// Takes the answer in: the rows in gaps and those behind the cursor, each in ascending order of its numbers, as one snapshot
    /// shows them. Leaves those that the page is to have, and answers whether there is more to read at once.
    pub(super) fn take<R>(
        &mut self,
        ask: &Ask,
        late: &mut Vec<(i64, R)>,
        next: &mut Vec<(i64, R)>,
        now: Instant,
    ) -> bool {
        self.is_begun = true;
        let limit = usize::try_from(ask.limit).unwrap_or(usize::MAX);
        let mut is_cut = usize::try_from(ask.late_limit).is_ok_and(|most| most <= late.len());
        // Between gaps that were joined there are rows that were read already.
        late.retain(|(number, _)| self.gaps.contains(*number));
        is_cut |= limit < late.len();
        late.truncate(limit);
        for (number, _) in late.iter() {
            self.gaps.close(*number);
        }
        if is_cut {
            // A row behind the cursor could overtake one that is late.
            next.clear();
            return true;
        }
        for (number, _) in next.iter() {
            self.read_on(number - 1, now);
            self.cursor = *number;
        }
        let is_all = next.len() < limit;
        if is_all && ask.is_bounded {
            self.read_on(ask.end, now);
        }
        !is_all || self.is_behind()
    }

    /// All numbers behind the cursor are missing up to this one.
    fn read_on(&mut self, last: i64, now: Instant) {
        if self.cursor < last {
            self.gaps.open(self.cursor + 1, last, now);
            self.cursor = last;
        }
    }

    /// Leaves of the gaps `asked` about only the numbers `there`, which are in ascending order.
    pub(super) fn narrow(&mut self, asked: &[(i64, i64)], there: &[i64], now: Instant) {
        self.gaps.narrow(asked, there, now);
    }
}

#[cfg(test)]
mod tests;
