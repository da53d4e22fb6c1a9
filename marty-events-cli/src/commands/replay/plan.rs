//! The offsets that a group gets, and the records that this concerns.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::place::Place;
use crate::{
    exit::Exit,
    failure::{Failure, Result},
    kafka::group::{Group, Position},
    plain::plain,
};

/// The new offset of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    pub(super) partition: i32,
    /// The group's offset before; `null` where it had none.
    pub(super) committed: Option<i64>,
    pub(super) from: i64,
    /// The end of the records that come again, as far as `--to` reaches.
    pub(super) until: i64,
    /// The number of offsets between the two.
    pub(super) records: u64,
    /// The number of offsets that the group has not handled, and never would.
    pub(super) skipped: u64,
    #[serde(skip)]
    pub(super) is_change: bool,
}

impl Step {
    /// `to` is the first offset behind the replayed records. A record that is to be forgotten may be one that was handled out of turn, behind
    /// the group's offset; and a second run finds the offset of the first one.
    fn of(position: &Position, from: i64, to: Option<i64>, forget: bool) -> Self {
        let next = position.next().min(position.end);
        // The offsets of a group that has not run for long are gone, and its records were handled nevertheless.
        let handled = if position.committed.is_some() && !forget { next } else { position.end };
        let from = from.clamp(position.first, position.end.max(position.first));
        let until = to.unwrap_or(handled).min(handled).max(from);
        let number = |offsets: i64| u64::try_from(offsets).unwrap_or_default();
        Self {
            partition: position.partition,
            committed: position.committed,
            from,
            until,
            records: number(until - from),
            skipped: number(from - next),
            is_change: position.committed != Some(from),
        }
    }
}

/// Asks the brokers for the present offsets. Blocks the thread.
pub(super) fn plan(
    group: &Group,
    topic: &str,
    partition: Option<i32>,
    from: Place,
    to: Option<Timestamp>,
    forget: bool,
) -> Result<Vec<Step>> {
    let mut positions = group.positions(Some(&|name: &str| name == topic))?;
    if positions.is_empty() {
        let failure = Failure::new(Exit::Failed, format!("there is no topic {}", plain(topic)));
        return Err(failure.advise("give the topic's whole name, with its prefix"));
    }
    if let Some(partition) = partition {
        positions.retain(|position| position.partition == partition);
        if positions.is_empty() {
            return Err(Failure::new(Exit::Failed, format!("{} has no partition {partition}", plain(topic))));
        }
    }
    if matches!(from, Place::Offset(_)) && 1 < positions.len() {
        let failure = Failure::new(Exit::Usage, format!("{} has {} partitions", plain(topic), positions.len()));
        return Err(failure.advise("an offset is one of a single partition: name it by --partition, or give a time"));
    }
    let from = match from {
        Place::Beginning => HashMap::new(),
        Place::Offset(offset) => positions.iter().map(|position| (position.partition, offset)).collect(),
        Place::Time(time) => group.offsets_at(&positions, time)?,
    };
    let to = to.map(|to| group.offsets_at(&positions, to)).transpose()?;
    let step = |position: &Position| {
        let to = to.as_ref().and_then(|to| to.get(&position.partition).copied());
        Step::of(position, from.get(&position.partition).copied().unwrap_or(position.first), to, forget)
    };
    Ok(positions.iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_counts_records_that_come_again_and_those_that_never_would() {
        let position = |committed| Position { topic: "t".to_owned(), partition: 0, committed, first: 10, end: 30 };
        for (committed, from, to, begin, records, skipped, is_change) in [
            (Some(20), 12, None, 12, 8, 0, true),
            (Some(20), 0, None, 10, 10, 0, true),
            (Some(20), 12, Some(15), 12, 3, 0, true),
            // Records that are not handled yet come in any case.
            (Some(20), 12, Some(25), 12, 8, 0, true),
            (Some(20), 20, None, 20, 0, 0, false),
            (Some(20), 25, None, 25, 0, 5, true),
            (Some(20), 99, None, 30, 0, 10, true),
            // The records of a group without an offset may have been handled, or not.
            (None, 10, None, 10, 20, 0, true),
            (None, 15, None, 15, 15, 5, true),
            // The topic was made anew.
            (Some(40), 10, None, 10, 20, 0, true),
            // The topic has dropped records that were never handled.
            (Some(5), 10, None, 10, 0, 0, true),
        ] {
            let step = Step::of(&position(committed), from, to, false);
            let found = (step.from, step.records, step.skipped, step.is_change);
            assert_eq!(found, (begin, records, skipped, is_change), "{committed:?} {from} {to:?}");
        }
        let again = Step::of(&position(Some(12)), 12, None, true);
        assert_eq!((again.records, again.is_change), (18, false), "the inbox may know them still");
    }
}
