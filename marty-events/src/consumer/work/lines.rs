//! The lanes that wait for a worker, in lines: one for each handler of batches, and one for all records that are handled alone.
//!
//! A handler of batches begins at once where none of its records is at work. Beside a batch at work, another one begins only when enough
//! waits for a full one, or after [`COMPANY`]: many small transactions cost more than a few large ones.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// The time that records wait for a full batch beside another batch of their handler.
pub(super) const COMPANY: Duration = Duration::from_millis(20);

/// The handler whose batches a record goes into; nothing for a record that is handled alone.
pub(crate) type Batches = Option<usize>;

#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<Batches, Line>,
    /// The number of the next lane that joins a line.
    next: u64,
}

/// The next thing for a worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Its first lanes can be taken.
    Line(Batches),
    /// Records wait for company, for this time at the most.
    After(Duration),
    Nothing,
}

#[derive(Debug, Default)]
struct Line {
    /// With the numbers of their joining.
    lanes: VecDeque<(u64, u64)>,
    /// The records that can be taken of these lanes.
    records: usize,
    at_work: usize,
    /// Since then a worker knows that they wait for company.
    since: Option<Instant>,
}

impl Lines {
    /// The lane is ready, with so many records for this line. True if a worker is wanted.
    pub(super) fn join(&mut self, to: Batches, lane: u64, records: usize, full: usize) -> bool {
        let joined = self.lines.entry(to).or_default();
        joined.lanes.push_back((self.next, lane));
        self.next += 1;
        let before = joined.records;
        joined.records += records;
        to.is_none() || before == 0 || before / full < joined.records / full
    }

    /// A lane of the line has one record more. True if a worker is wanted.
    pub(super) fn grow(&mut self, line: Batches, full: usize) -> bool {
        let is_of_single_records = line.is_none();
        let Some(line) = self.lines.get_mut(&line) else { return false };
        line.records += 1;
        !is_of_single_records && line.records.is_multiple_of(full)
    }

    /// The line whose first lane has waited longest, of those that a worker may begin with.
    pub(super) fn choose(&mut self, now: Instant, full: usize) -> Choice {
        let mut first = None;
        let mut pause = None;
        for (name, line) in &mut self.lines {
            let Some((number, _)) = line.lanes.front().copied() else { continue };
            match line.pause(name.is_none(), now, full) {
                Some(left) => pause = Some(pause.map_or(left, |pause: Duration| pause.min(left))),
                None if first.is_none_or(|(other, _)| number < other) => first = Some((number, *name)),
                None => {}
            }
        }
        match (first, pause) {
            (Some((_, line)), _) => Choice::Line(line),
            (None, Some(pause)) => Choice::After(pause),
            (None, None) => Choice::Nothing,
        }
    }

    /// Takes the first lane away.
    pub(super) fn pop(&mut self, line: Batches) -> Option<u64> {
        let line = self.lines.get_mut(&line)?;
        line.since = None;
        line.lanes.pop_front().map(|(_, lane)| lane)
    }

    /// So many records of the lane that was taken away are at work, of so many that could be.
    pub(super) fn begin(&mut self, line: Batches, taken: usize, records: usize) {
        if let Some(line) = self.lines.get_mut(&line) {
            line.records -= records;
            line.at_work += taken;
        }
    }

    /// A record of the line is not at work any more.
    pub(super) fn end(&mut self, line: Batches) {
        if let Some(line) = self.lines.get_mut(&line) {
            line.at_work -= 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.values().all(|line| line.lanes.is_empty())
    }

    /// Empties the lines: their lanes, in the order in which they joined.
    pub(super) fn clear(&mut self) -> Vec<u64> {
        let mut lanes = Vec::new();
        for line in self.lines.values_mut() {
            lanes.extend(line.lanes.drain(..));
            line.records = 0;
            line.since = None;
        }
        lanes.sort_unstable();
        lanes.into_iter().map(|(_, lane)| lane).collect()
    }
}

impl Line {
    /// The time for which its records still wait for company; nothing if they need not.
    fn pause(&mut self, is_of_single_records: bool, now: Instant, full: usize) -> Option<Duration> {
        if is_of_single_records || self.at_work == 0 || full <= self.records {
            return None;
        }
        let since = *self.since.get_or_insert(now);
        COMPANY.checked_sub(now.saturating_duration_since(since)).filter(|left| !left.is_zero())
    }
}
