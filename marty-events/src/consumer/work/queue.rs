//! The records at hand: lanes of keys, shares of partitions, and the offsets that may be committed.

use std::collections::{HashMap, VecDeque};

use super::watermark::Watermark;
use crate::kafka::{Flow, Partition};

/// The bounds of the records at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
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
    ready: VecDeque<u64>,
    is_draining: bool,
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
    waiting: VecDeque<(Place, usize, R)>,
    /// The records that its worker has.
    taken: usize,
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
            ready: VecDeque::new(),
            is_draining: false,
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

    /// Takes a record in that was just read. `lane` is nothing for a record that needs no work. True if a worker is wanted.
    pub(super) fn admit(&mut self, partition: &Partition, offset: i64, bytes: usize, work: Option<(u64, R)>) -> bool {
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
        let Some((lane, record)) = work else {
            held.watermark.finish(number);
            return false;
        };
        held.rows += 1;
        held.bytes += bytes;
        let place = Place { partition: partition.clone(), generation: held.generation, number };
        let entry = self.lanes.entry(lane).or_insert_with(|| Lane { waiting: VecDeque::new(), taken: 0 });
        let is_first = entry.waiting.is_empty() && entry.taken == 0;
        entry.waiting.push_back((place, bytes, record));
        if is_first {
            self.ready.push_back(lane);
        }
        is_first
    }

    /// The next record, whose lane is this worker's until it is finished.
    pub(super) fn take(&mut self) -> Option<Taken<R>> {
        let lane = self.ready.pop_front()?;
        self.take_from(lane)
    }

    /// Further records for a batch: the next ones of lanes without a worker, as long as `suits` says so, `most` at the most.
    pub(super) fn take_more(&mut self, batch: &mut Vec<Taken<R>>, most: usize, suits: impl Fn(&R) -> bool) {
        for taken in 0..batch.len() {
            let lane = batch[taken].ticket.lane;
            self.fill(batch, lane, most, &suits);
        }
        for _ in 0..self.ready.len() {
            if most <= batch.len() {
                return;
            }
            let Some(lane) = self.ready.pop_front() else { return };
            let before = batch.len();
            self.fill(batch, lane, most, &suits);
            if batch.len() == before {
                self.ready.push_back(lane);
            }
        }
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The record has had its effect, or is kept in the database. True if its lane wants a worker again.
    pub(super) fn finish(&mut self, ticket: &Ticket) -> bool {
        if let Some(held) = self.current(&ticket.place) {
            held.watermark.finish(ticket.place.number);
        }
        self.put_down(ticket)
    }

    /// The record was given up without a result: its offset stays open. True if its lane wants a worker again.
    pub(super) fn put_down(&mut self, ticket: &Ticket) -> bool {
        if let Some(held) = self.current(&ticket.place) {
            held.rows -= 1;
            held.bytes -= ticket.bytes;
        }
        let Some(lane) = self.lanes.get_mut(&ticket.lane) else { return false };
        lane.taken -= 1;
        if 0 < lane.taken {
            return false;
        }
        if lane.waiting.is_empty() {
            self.lanes.remove(&ticket.lane);
            return false;
        }
        self.ready.push_back(ticket.lane);
        true
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
        let count = self.partitions.len().max(1);
        let (rows, bytes) = ((self.limits.rows / count).max(1), (self.limits.bytes / count).max(1));
        let mut flow = Flow::default();
        for (partition, held) in &mut self.partitions {
            let is_full = self.is_draining || rows <= held.rows || bytes <= held.bytes;
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

    /// The number of partitions that are this consumer's.
    pub(super) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// True if a partition waits for room.
    pub(super) fn is_paused(&self) -> bool {
        self.partitions.values().any(|held| held.is_paused)
    }

    fn fill(&mut self, batch: &mut Vec<Taken<R>>, lane: u64, most: usize, suits: impl Fn(&R) -> bool) {
        while batch.len() < most {
            let next = self.lanes.get(&lane).and_then(|lane| lane.waiting.front());
            if !next.is_some_and(|(_, _, record)| suits(record)) {
                return;
            }
            batch.extend(self.take_from(lane));
        }
    }

    fn take_from(&mut self, lane: u64) -> Option<Taken<R>> {
        let held = self.lanes.get_mut(&lane)?;
        let (place, bytes, record) = held.waiting.pop_front()?;
        held.taken += 1;
        Some(Taken { record, ticket: Ticket { lane, place, bytes } })
    }

    /// The partition as it was when the record was read.
    fn current(&mut self, place: &Place) -> Option<&mut Held> {
        self.partitions.get_mut(&place.partition).filter(|held| held.generation == place.generation)
    }

    /// Drops the records of these partitions that no worker has.
    fn forget(&mut self, is_of: impl Fn(&Partition) -> bool) {
        let partitions = &mut self.partitions;
        self.lanes.retain(|_, lane| {
            lane.waiting.retain(|(place, bytes, _)| {
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
        self.ready.retain(|lane| self.lanes.contains_key(lane));
    }
}
