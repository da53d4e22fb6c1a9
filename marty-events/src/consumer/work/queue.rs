//! The records at hand: lanes of keys, shares of partitions, and the offsets that may be committed.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::{
    lines::{Batches, Choice, Lines},
    watermark::Watermark,
};
use crate::kafka::{Flow, Partition};

/// The bounds of the records at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    /// The records of a full batch.
    pub(crate) batch: usize,
}

/// A record that has a handler.
#[derive(Debug)]
pub(crate) struct Job<R> {
    /// The lane of its key.
    pub(crate) lane: u64,
    pub(crate) batches: Batches,
    pub(crate) record: R,
}

/// The next thing for a worker.
#[derive(Debug)]
pub(crate) enum Next<R> {
    /// One record, or several for a handler of batches. Their lanes are this worker's until they are finished.
    Records(Vec<Taken<R>>),
    /// Records wait for a full batch, for this time at the most.
    After(Duration),
    Nothing,
}

/// The place of a record: where it was read, and in which assignment of the partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: Partition,
    pub(crate) generation: u64,
    /// The number of the record among those that were read of the partition.
    pub(crate) number: u64,
}

/// A record that a worker has taken.
#[derive(Debug)]
pub(crate) struct Taken<R> {
    pub(crate) record: R,
    ticket: Ticket,
}

/// The right to finish a record.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    lane: u64,
    batches: Batches,
    place: Place,
    bytes: usize,
}

/// Records that were read and are not finished.
///
/// A lane has the records of a key and is made when it gets one. One worker at a time has a lane. A partition has a share of the bounds, so
/// that a slow key fills the share of its own partition at the most.
#[derive(Debug)]
pub(super) struct WorkQueue<R> {
    limits: Limits,
    generation: u64,
    partitions: HashMap<Partition, Held>,
    lanes: HashMap<u64, Lane<R>>,
    /// Lanes that have a record and no worker.
    ready: Lines,
    is_draining: bool,
    /// Reading waits until no partition is crowded.
    pub(super) is_held: bool,
}

#[derive(Debug)]
struct Held {
    generation: u64,
    watermark: Watermark,
    /// The mark that the client was given last.
    stored: Option<i64>,
    rows: usize,
    bytes: usize,
    is_paused: bool,
    /// It is about to be taken away: no record of it is begun.
    is_leaving: bool,
}

#[derive(Debug)]
struct Lane<R> {
    waiting: VecDeque<(Ticket, R)>,
    /// The records that its worker has.
    taken: usize,
    /// The first ones that are for the same handler; of a lane that is ready.
    run: usize,
}

impl Held {
    /// True if it has so many rows, or so many bytes.
    fn has(&self, (rows, bytes): (usize, usize)) -> bool {
        rows <= self.rows || bytes <= self.bytes
    }
}

impl<R> Taken<R> {
    pub(crate) fn into_parts(self) -> (R, Ticket) {
        (self.record, self.ticket)
    }
}

impl<R> WorkQueue<R> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            generation: 0,
            partitions: HashMap::new(),
            lanes: HashMap::new(),
            ready: Lines::default(),
            is_draining: false,
            is_held: false,
        }
    }

    /// The partition is this consumer's from now on. Results of an earlier assignment do not count for it.
    pub(super) fn assign(&mut self, partition: Partition) {
        self.generation += 1;
        let held = Held {
            generation: self.generation,
            watermark: Watermark::default(),
            stored: None,
            rows: 0,
            bytes: 0,
            is_paused: false,
            is_leaving: false,
        };
        self.partitions.insert(partition, held);
    }

    /// Begins no further record of these partitions.
    pub(super) fn leave(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(held) = self.partitions.get_mut(partition) {
                held.is_leaving = true;
            }
        }
        self.forget(|partition| partitions.contains(partition));
    }

    /// Begins no further record, and reads none.
    pub(super) fn drain(&mut self) {
        self.is_draining = true;
        self.forget(|_| true);
    }

    /// True if a partition is about to be taken away.
    pub(super) fn is_leaving(&self) -> bool {
        self.partitions.values().any(|held| held.is_leaving)
    }

    /// True if no worker has a record of these partitions.
    pub(super) fn is_at_rest(&self, partitions: &[Partition]) -> bool {
        partitions.iter().all(|partition| self.partitions.get(partition).is_none_or(|held| held.rows == 0))
    }

    /// True if no worker has any record.
    pub(super) fn is_drained(&self) -> bool {
        self.lanes.is_empty()
    }

    /// The partition is another consumer's from now on.
    pub(super) fn release(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.partitions.remove(partition);
        }
    }

    /// Takes a record in that was just read. `job` is nothing for a record that needs no work. True if a worker is wanted.
    pub(super) fn admit(&mut self, partition: &Partition, offset: i64, bytes: usize, job: Option<Job<R>>) -> bool {
        if self.is_draining {
            return false;
        }
        let Some(held) = self.partitions.get_mut(partition).filter(|held| !held.is_leaving) else { return false };
        let (number, goes_back) = held.watermark.read(offset);
        if goes_back {
            let (topic, partition) = partition;
            tracing::warn!(
                %topic,
                partition,
                offset,
                "a partition is read again from an earlier offset: its log was cut, or its topic was made again"
            );
        }
        let Some(Job { lane, batches, record }) = job else {
            held.watermark.finish(number);
            return false;
        };
        held.rows += 1;
        held.bytes += bytes;
        let place = Place { partition: partition.clone(), generation: held.generation, number };
        let entry = self.lanes.entry(lane).or_default();
        entry.waiting.push_back((Ticket { lane, batches, place, bytes }, record));
        if 0 < entry.taken {
            return false;
        }
        if entry.waiting.len() == 1 {
            return self.is_ready(lane);
        }
        let is_of_the_run = entry.run + 1 == entry.waiting.len() && entry.line() == Some(batches);
        if is_of_the_run {
            entry.run += 1;
        }
        is_of_the_run && self.ready.grow(batches, self.limits.batch)
    }

    /// The next records for a worker that is free now.
    pub(super) fn take(&mut self, now: Instant) -> Next<R> {
        let line = match self.ready.choose(now, self.limits.batch) {
            Choice::Line(line) => line,
            Choice::After(pause) => return Next::After(pause),
            Choice::Nothing => return Next::Nothing,
        };
        let most = if line.is_some() { self.limits.batch } else { 1 };
        let mut batch = Vec::new();
        while batch.len() < most
            && let Some(lane) = self.ready.pop(line)
        {
            self.take_from(lane, most, &mut batch);
        }
        Next::Records(batch)
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The record has had its effect, or is kept in the database. True if a worker is wanted again.
    pub(super) fn finish(&mut self, ticket: &Ticket) -> bool {
        if let Some(held) = self.current(&ticket.place) {
            held.watermark.finish(ticket.place.number);
            held.rows -= 1;
            held.bytes -= ticket.bytes;
        }
        self.ready.end(ticket.batches);
        let Some(lane) = self.lanes.get_mut(&ticket.lane) else { return false };
        lane.taken -= 1;
        if 0 < lane.taken {
            return false;
        }
        if lane.waiting.is_empty() {
            self.lanes.remove(&ticket.lane);
            return false;
        }
        self.is_ready(ticket.lane)
    }

    /// The offsets to begin with after a restart, of the partitions whose mark has moved since the last call.
    pub(super) fn advanced(&mut self) -> Vec<(Partition, i64)> {
        let moved = self.partitions.iter_mut().filter_map(|(partition, held)| {
            let next = held.watermark.next().filter(|next| held.stored != Some(*next))?;
            held.stored = Some(next);
            Some((partition.clone(), next))
        });
        moved.collect()
    }

    /// The partitions that have more than their share are paused until they have half of it.
    pub(super) fn flow(&mut self) -> Flow {
        let (rows, bytes) = self.share();
        let mut flow = Flow::default();
        for (partition, held) in &mut self.partitions {
            let is_full = self.is_draining || held.has((rows, bytes));
            let has_room = held.rows <= rows / 2 && held.bytes <= bytes / 2;
            if is_full && !held.is_paused {
                held.is_paused = true;
                flow.pause.push(partition.clone());
            } else if has_room && held.is_paused && !self.is_draining {
                held.is_paused = false;
                flow.resume.push(partition.clone());
            }
        }
        flow
    }

    /// True if this partition has its share and is not paused.
    pub(super) fn is_full(&self, partition: &Partition) -> bool {
        let share = self.share();
        self.partitions.get(partition).is_some_and(|held| !held.is_paused && held.has(share))
    }

    /// True if a partition that is not paused has more than three quarters of its share. The room that is waited for is more than one
    /// record's: else the reading thread would be woken for each record that is finished.
    pub(super) fn is_crowded(&self) -> bool {
        let (rows, bytes) = self.share();
        let most = (rows - rows / 4, bytes - bytes / 4);
        !self.is_draining && self.partitions.values().any(|held| !held.is_paused && held.has(most))
    }

    /// The number of partitions that are this consumer's.
    pub(super) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// True if a partition waits for room.
    pub(super) fn is_paused(&self) -> bool {
        self.partitions.values().any(|held| held.is_paused)
    }

    /// The rows and bytes that a partition may have.
    fn share(&self) -> (usize, usize) {
        let count = self.partitions.len().max(1);
        ((self.limits.rows / count).max(1), (self.limits.bytes / count).max(1))
    }

    /// The lane has a record and no worker. True if a worker is wanted.
    fn is_ready(&mut self, lane: u64) -> bool {
        let Some(entry) = self.lanes.get_mut(&lane) else { return false };
        let Some(batches) = entry.line() else { return false };
        entry.run = entry.waiting.iter().take_while(|(ticket, _)| ticket.batches == batches).count();
        self.ready.join(batches, lane, entry.run, self.limits.batch)
    }

    /// Takes the first records of a lane that left its line, until there are `most`.
    fn take_from(&mut self, lane: u64, most: usize, batch: &mut Vec<Taken<R>>) {
        let Some(entry) = self.lanes.get_mut(&lane) else { return };
        let Some(batches) = entry.line() else { return };
        let count = entry.run.min(most - batch.len());
        batch.extend(entry.waiting.drain(..count).map(|(ticket, record)| Taken { record, ticket }));
        entry.taken += count;
        self.ready.begin(batches, count, entry.run);
    }

    /// The partition as it was when the record was read.
    fn current(&mut self, place: &Place) -> Option<&mut Held> {
        self.partitions.get_mut(&place.partition).filter(|held| held.generation == place.generation)
    }

    /// Drops the records of these partitions that no worker has.
    fn forget(&mut self, is_of: impl Fn(&Partition) -> bool) {
        let partitions = &mut self.partitions;
        self.lanes.retain(|_, lane| {
            lane.waiting.retain(|(Ticket { place, bytes, .. }, _)| {
                if !is_of(&place.partition) {
                    return true;
                }
                if let Some(held) = partitions.get_mut(&place.partition)
                    && held.generation == place.generation
                {
                    held.rows -= 1;
                    held.bytes -= bytes;
                }
                false
            });
            0 < lane.taken || !lane.waiting.is_empty()
        });
        for lane in self.ready.clear() {
            self.is_ready(lane);
        }
    }
}

impl<R> Lane<R> {
    /// The line of its first record.
    fn line(&self) -> Option<Batches> {
        self.waiting.front().map(|(ticket, _)| ticket.batches)
    }
}

impl<R> Default for Lane<R> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), taken: 0, run: 0 }
    }
}
