//! The place up to which a relay has read, exactly, without a scan from the beginning.
//!
//! A relay reads forward from its cursor. A lower number can still come: its transaction drew it earlier and commits later. Such a
//! transaction had its id before it drew the number (the insert sees to it), and was running when the read took its snapshot. A snapshot
//! names the running transactions, but only those below the newest id that was over (PostgreSQL, `GetSnapshotData` in procarray.c: `xmax`
//! is `latestCompletedXid + 1`). So there are two kinds:
//!
//! - those that the snapshot named: the position keeps them, and the read after the end of one fetches its rows from among the lower
//!   numbers;
//! - those with an id from `xmax` on: the next read fetches their rows by that, and by then they are over or named.
//!
//! Every read uses up a transaction id itself, after its snapshot. The next snapshot's `xmax` is above that id, so a transaction that this
//! one does not name got its id after the read before, and drew its numbers after that. They are above every number that had been seen by
//! then (`seen`): the search for late rows is bounded from below. Nothing waits for a transaction that stays open.
//!
//! **Ranges.** A number up to `seen` has been drawn: whoever may still commit it has its id, and is named or will be found as above. So the
//! cursor may pass numbers that have no row, and a read below `seen` ends at a number and not at a row: dead rows, however many, are walked
//! over in steps. From `seen` on nothing bounds a read, and there are no more dead rows than were written since the last one.
//!
//! **Late rows in pages.** A read that finds more late rows than a page takes, or would look for them in too wide a range, ends at a number
//! below the cursor, and brings nothing from behind the cursor: a successor could overtake. The cursor goes back to that number. All that
//! its snapshot shows up to there was read, and all above is read once more, in order.
//!
//! **Marks.** A mark is a position whose cursor went back to the last row below which everything is settled. A named transaction whose
//! numbers are all above it is left out, so what bounds the unnamed ones (`behind`) must not be above it either. Several marks make a
//! position that begins at the lowest of them: a transaction that one mark names and another does not is named.
//!
//! **Another server.** Numbers and ids can fall back where a server starts anew that has lost its last commits: by a crash with
//! `synchronous_commit = off`, or as a standby that lagged behind. So after a start the numbers of the last moments are read once more, and
//! only from below them are numbers taken for drawn. Ids fall back a little by every crash, since a transaction that wrote nothing leaves
//! no trace: from the new server's next id on any transaction may have such numbers. Where ids fall back without a start or by very many
//! (a restore), and where the table has another file (it was emptied, rewritten or made anew, and has no dead rows), the outbox is read from
//! its beginning.

use std::collections::BTreeMap;

use super::{
    super::queue::Position,
    mark::Mark,
    snapshot::{Place, ReadPoint},
};

/// The count of numbers that a read of a range walks over at first.
const FIRST_WIDTH: i64 = 100_000;
/// And at the least and at the most.
const WIDTHS: (i64, i64) = (1_000, 100_000_000);
/// A server that starts anew has lost fewer numbers than these: a second's worth of very many.
pub(super) const LOST: i64 = 100_000;

/// Position of a relay in a PostgreSQL outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresPosition {
    /// Everything that is visible up to here was read.
    pub(super) cursor: i64,
    /// The highest number that was read: it, and every lower one, has been drawn.
    pub(super) seen: i64,
    /// The same before the last read.
    pub(super) behind: i64,
    /// Transactions that may still commit numbers up to the cursor, each with a bound that its numbers are above.
    pub(super) named: BTreeMap<u64, i64>,
    /// `xmax` of the last read: a transaction from here on may have, above `behind`.
    pub(super) next_xid: u64,
    /// The table and the server that this is true of. Known before the first read where the position was resumed.
    pub(super) place: Option<Place>,
    has_read: bool,
    /// The count of numbers that the next read of a range walks over.
    width: i64,
}

impl Default for PostgresPosition {
    fn default() -> Self {
        Self {
            cursor: i64::MIN,
            seen: i64::MIN,
            behind: i64::MIN,
            named: BTreeMap::new(),
            next_xid: 0,
            place: None,
            has_read: false,
            width: FIRST_WIDTH,
        }
    }
}

impl Position for PostgresPosition {
    fn resume(marks: &[Option<String>]) -> Self {
        let read = |mark: &Option<String>| mark.as_deref().and_then(Mark::parse);
        let marks = marks.iter().map(read).collect::<Option<Vec<Mark>>>();
        marks.and_then(Mark::union).map_or_else(Self::default, Self::from_mark)
    }

    fn mark(&self, lowest: Option<i64>) -> Option<String> {
        let place = self.place.filter(|_| self.has_read)?;
        let low = lowest.map_or(self.cursor, |lowest| self.cursor.min(lowest.saturating_sub(1)));
        let mark = Mark {
            place,
            low,
            seen: self.seen,
            behind: self.behind,
            next_xid: self.next_xid,
            named: self.named.clone(),
        };
        Some(mark.bounded().to_string())
    }

    fn low(&self) -> i64 {
        self.named.values().copied().fold(self.cursor.min(self.behind), i64::min)
    }

    fn reached(&self) -> i64 {
        self.cursor
    }

    fn is_new(&self) -> bool {
        !self.has_read
    }
}

/// The bounds by which a statement finds the next rows and the late ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) cursor: i64,
    pub(super) behind: i64,
    pub(super) next_xid: String,
    pub(super) named: Vec<String>,
    pub(super) floors: Vec<i64>,
    /// The last number to read; none where the read is not of a range.
    pub(super) end: Option<i64>,
    /// The count of numbers to look for late rows among.
    pub(super) width: i64,
}

/// The end of a read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// All the late rows came. If not, none from behind the cursor did.
    pub(super) is_whole: bool,
    /// Up to which number late rows were looked for.
    pub(super) late_end: i64,
    /// The last late row, where there were as many as a page takes.
    pub(super) last_late: Option<i64>,
    /// There were as many rows behind the cursor as a page takes.
    pub(super) is_cut: bool,
    /// The last of them.
    pub(super) last: Option<i64>,
}

impl Bounds {
    /// The number up to which everything came that the read's snapshot shows.
    pub(super) fn reached(&self, extent: &Extent) -> i64 {
        match (extent.is_whole, self.end) {
            (false, _) => extent.last_late.unwrap_or(extent.late_end).min(self.cursor),
            (true, Some(end)) if !extent.is_cut => end,
            (true, _) => extent.last.map_or(self.cursor, |last| last.max(self.cursor)),
        }
    }
}

/// The relation of a read's outbox to that of the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recognition {
    Same,
    /// It is another one. The rows must not be taken, and the position has gone back.
    Other,
    /// The same, and the transactions' ids fell back.
    SetBack,
}

impl PostgresPosition {
    fn from_mark(mark: Mark) -> Self {
        let Mark { place, low, seen, behind, next_xid, named } = mark.bounded();
        Self { cursor: low, seen, behind, named, next_xid, place: Some(place), ..Self::default() }
    }

    pub(super) fn bounds(&self) -> Bounds {
        let (named, floors) = self.named.iter().map(|(xid, floor)| (xid.to_string(), *floor)).unzip();
        let end = self.is_behind().then(|| self.cursor.max(0).saturating_add(self.width).min(self.seen));
        let (cursor, behind, next_xid) = (self.cursor, self.behind, self.next_xid.to_string());
        Bounds { cursor, behind, next_xid, named, floors, end, width: self.width }
    }

    /// True if there are numbers to read that have been drawn.
    pub(super) fn is_behind(&self) -> bool {
        self.cursor < self.seen
    }

    /// Nowhere where nothing was read yet.
    pub(super) fn place(&self) -> Place {
        self.place.unwrap_or_default()
    }

    pub(super) fn recognises(&mut self, read_point: &ReadPoint) -> Recognition {
        let place = *self.place.get_or_insert(read_point.place);
        if place.file != read_point.place.file {
            *self = Self::default();
            Recognition::Other
        } else if read_point.snapshot.next_xid.saturating_add(lost_ids(place, read_point)) < self.next_xid {
            *self = Self::default();
            Recognition::SetBack
        } else if place.started != read_point.place.started {
            self.place = Some(read_point.place);
            self.seen = self.seen.saturating_sub(LOST);
            self.cursor = self.cursor.min(self.seen);
            self.behind = self.behind.min(self.seen);
            // Ids that wrote nothing are given again after a crash.
            self.next_xid = self.next_xid.min(read_point.snapshot.next_xid);
            self.named.retain(|xid, _| *xid < read_point.snapshot.next_xid);
            Recognition::Other
        } else {
            Recognition::Same
        }
    }

    /// Everything that the read's snapshot shows up to `cursor` came, and the highest number in it was `highest`.
    pub(super) fn advance(&mut self, read_point: &ReadPoint, cursor: i64, highest: Option<i64>) {
        let ReadPoint { snapshot, place } = read_point;
        self.named.retain(|xid, _| !snapshot.is_over(*xid));
        for xid in &snapshot.in_progress {
            // It was not named by the last snapshot, so it began after the read before that.
            self.named.entry(*xid).or_insert(self.behind);
        }
        self.behind = self.seen;
        self.seen = highest.map_or(self.seen, |highest| self.seen.max(highest));
        self.cursor = cursor;
        self.next_xid = snapshot.next_xid;
        self.place = Some(*place);
        self.has_read = true;
    }

    /// Walks farther at a time where that was quick, and less far where it was not.
    pub(super) fn pace(&mut self, took: std::time::Duration) {
        self.width = match took.as_millis() {
            ..100 => self.width * 2,
            100..=500 => self.width,
            _ => self.width / 2,
        };
        self.width = self.width.clamp(WIDTHS.0, WIDTHS.1);
    }
}

/// The number of ids that the same server may give again.
fn lost_ids(place: Place, read_point: &ReadPoint) -> u64 {
    if place.started == read_point.place.started { 0 } else { LOST.unsigned_abs() }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
