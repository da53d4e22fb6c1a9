//! The queue against a model: partitions, records, workers, and chance.
//!
//! Records are read, taken one by one and in batches, finished, put down; partitions are assigned, taken away with and without patience, and
//! assigned again, from the committed offset. In every case a key's records are begun in their order and one at a time, no offset is
//! committed below which a record is unfinished, results of an earlier assignment commit nothing, and the bounds hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::queue::*;
use crate::kafka::{Flow, Partition};

/// Steps of `xorshift64*`: the same seed gives the same run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        usize::try_from(number).expect("64 bits") % limit
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

const KEYS: usize = 7;
const PARTITIONS: i32 = 3;
const LIMITS: Limits = Limits { rows: 30, bytes: 300 };

#[derive(Debug, Clone)]
struct Record {
    key: u64,
    partition: i32,
    offset: i64,
    /// Handled in batches.
    is_of_batches: bool,
}

struct Log {
    /// The position of the reader.
    next: i64,
    committed: i64,
    is_assigned: bool,
    is_paused: bool,
    generation: u64,
    finished: BTreeSet<i64>,
}

struct Model {
    chance: Chance,
    queue: WorkQueue<Record>,
    logs: Vec<Log>,
    /// The work under way, with the generation that it began in.
    under_way: Vec<(Record, u64, Ticket)>,
    busy: HashMap<u64, usize>,
    begun: BTreeMap<(u64, i32), i64>,
}

fn partition(number: i32) -> Partition {
    ("topic".into(), number)
}

/// A key stands in one partition, and a record of every seventh key is skipped.
fn key_of(partition: i32, offset: i64) -> u64 {
    let place = usize::try_from(offset).expect("positive") * 31 + usize::try_from(partition).expect("positive");
    (place % KEYS * 10) as u64 + u64::from(partition.unsigned_abs())
}

impl Model {
    fn new(seed: u64) -> Self {
        let log = |_| Log {
            next: 0,
            committed: 0,
            is_assigned: false,
            is_paused: false,
            generation: 0,
            finished: BTreeSet::new(),
        };
        Self {
            chance: Chance(seed | 1),
            queue: WorkQueue::new(LIMITS),
            logs: (0..PARTITIONS).map(log).collect(),
            under_way: Vec::new(),
            busy: HashMap::new(),
            begun: BTreeMap::new(),
        }
    }

    fn step(&mut self) {
        let number = self.chance.below(PARTITIONS.unsigned_abs() as usize);
        let id = i32::try_from(number).expect("a few");
        match self.chance.below(10) {
            0 if !self.logs[number].is_assigned => self.assign(id),
            0 if self.chance.one_in(4) => self.revoke(id),
            0..=4 => self.read(id),
            5..=6 => self.take(),
            7..=8 => self.end(),
            _ => self.serve(),
        }
    }

    fn log(&mut self, id: i32) -> &mut Log {
        &mut self.logs[usize::try_from(id).expect("positive")]
    }

    fn assign(&mut self, id: i32) {
        self.queue.assign(partition(id));
        let log = self.log(id);
        log.next = log.committed;
        log.is_assigned = true;
        log.is_paused = false;
        log.generation += 1;
        let committed = log.committed;
        log.finished.retain(|offset| *offset < committed);
        // Another process may have been at it meanwhile: the order of this one begins anew.
        self.begun.retain(|(_, partition), _| *partition != id);
    }

    fn revoke(&mut self, id: i32) {
        self.queue.leave(&[partition(id)]);
        let is_patient = self.chance.one_in(2);
        while is_patient && !self.queue.is_at_rest(&[partition(id)]) {
            self.end();
        }
        if is_patient || self.chance.one_in(2) {
            self.commit();
        }
        self.queue.release(&[partition(id)]);
        self.log(id).is_assigned = false;
    }

    fn read(&mut self, id: i32) {
        let log = self.log(id);
        if !log.is_assigned || log.is_paused {
            return;
        }
        let offset = log.next;
        log.next += 1;
        let key = key_of(id, offset);
        let record = Record { key, partition: id, offset, is_of_batches: key % 20 < 10 };
        if offset % 11 == 10 {
            self.log(id).finished.insert(offset);
            self.queue.admit(&partition(id), offset, 10, None);
        } else {
            self.queue.admit(&partition(id), offset, 10, Some((key, record)));
        }
    }

    fn take(&mut self) {
        let Some(first) = self.queue.take() else { return };
        let mut batch = vec![first];
        if batch[0].record.is_of_batches {
            self.queue.take_more(&mut batch, 5, |record| record.is_of_batches);
            assert!(batch.len() <= 5 && batch.iter().all(|taken| taken.record.is_of_batches));
        }
        let lanes: BTreeSet<u64> = batch.iter().map(|taken| taken.record.key).collect();
        for lane in lanes {
            assert_eq!(self.busy.get(&lane), None, "two workers have the lane {lane}");
        }
        for taken in batch {
            let (record, ticket) = taken.into_parts();
            let generation = self.log(record.partition).generation;
            *self.busy.entry(record.key).or_default() += 1;
            let last = self.begun.insert((record.key, record.partition), record.offset);
            assert!(last.is_none_or(|last| last < record.offset), "{record:?} begins after {last:?}");
            self.under_way.push((record, generation, ticket));
        }
    }

    fn end(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let place = self.chance.below(self.under_way.len());
        let (record, generation, ticket) = self.under_way.swap_remove(place);
        let left = self.busy.get_mut(&record.key).expect("it is busy");
        *left -= 1;
        if *left == 0 {
            self.busy.remove(&record.key);
        }
        self.queue.finish(&ticket);
        let log = self.log(record.partition);
        if log.generation == generation && log.is_assigned {
            log.finished.insert(record.offset);
        }
    }

    fn commit(&mut self) {
        for ((_, id), next) in self.queue.advanced() {
            let log = self.log(id);
            assert!(log.is_assigned, "a commit after the partition went");
            assert!(log.committed <= next, "the mark goes back from {} to {next}", log.committed);
            log.committed = next;
            let unfinished = (0..next).find(|offset| !log.finished.contains(offset));
            assert_eq!(unfinished, None, "below {next}");
        }
    }

    fn serve(&mut self) {
        let flow = self.queue.flow();
        for (_, id) in flow.pause {
            self.log(id).is_paused = true;
        }
        for (_, id) in flow.resume {
            self.log(id).is_paused = false;
        }
        if self.chance.one_in(2) {
            self.commit();
        }
    }

    /// Everything comes to an end: nothing is stuck.
    fn rest(&mut self) {
        for id in 0..PARTITIONS {
            if !self.log(id).is_assigned {
                self.assign(id);
            }
        }
        for _ in 0..2_000 {
            self.serve();
            self.take();
            self.end();
        }
        self.commit();
        assert!(self.queue.is_drained() && !self.queue.is_paused());
        for log in &self.logs {
            assert_eq!(log.committed, log.next, "everything that was read is committed");
        }
    }
}

#[test]
fn a_key_keeps_its_order_and_no_offset_passes_unfinished_work_in_any_run() {
    for seed in 0..300 {
        println!("seed {seed}");
        let mut model = Model::new(seed * 7_919);
        for _ in 0..2_000 {
            model.step();
        }
        model.rest();
    }
}

#[test]
fn a_result_of_an_earlier_assignment_commits_nothing() {
    let mut queue = WorkQueue::new(LIMITS);
    let place = partition(0);
    queue.assign(place.clone());
    queue.admit(&place, 0, 1, Some((1, "old")));
    let (_, old) = queue.take().expect("a record").into_parts();
    queue.leave(std::slice::from_ref(&place));
    queue.release(std::slice::from_ref(&place));
    queue.assign(place.clone());
    queue.admit(&place, 0, 1, Some((1, "new")));
    assert!(queue.take().is_none(), "the key is still at work");
    assert!(queue.finish(&old), "now it is the new one's turn");
    assert_eq!(queue.advanced(), []);
    let (record, new) = queue.take().expect("a record").into_parts();
    assert_eq!(record, "new");
    queue.finish(&new);
    assert_eq!(queue.advanced(), [(place, 1)]);
}

#[test]
fn a_full_partition_is_paused_alone_until_it_has_half_of_its_share() {
    let mut queue = WorkQueue::new(Limits { rows: 8, bytes: 1_000 });
    let (slow, other) = (partition(0), partition(1));
    queue.assign(slow.clone());
    queue.assign(other.clone());
    for offset in 0..4 {
        queue.admit(&slow, offset, 1, Some((1, ())));
    }
    assert_eq!(queue.flow(), Flow { pause: vec![slow.clone()], resume: vec![] });
    assert_eq!(queue.flow(), Flow::default());
    for _ in 0..2 {
        let ((), ticket) = queue.take().expect("a record").into_parts();
        assert_eq!(queue.flow(), Flow::default());
        queue.finish(&ticket);
    }
    assert_eq!(queue.flow(), Flow { pause: vec![], resume: vec![slow] });
}

#[test]
fn records_of_a_log_that_was_cut_are_taken_in_at_offsets_that_were_read_before() {
    let mut queue = WorkQueue::new(LIMITS);
    let place = partition(0);
    queue.assign(place.clone());
    queue.admit(&place, 8, 1, Some((1, "old")));
    assert!(queue.admit(&place, 3, 1, Some((2, "new"))));
    let (_, old) = queue.take().expect("a record").into_parts();
    let (record, new) = queue.take().expect("a record").into_parts();
    assert_eq!(record, "new");
    queue.finish(&new);
    assert_eq!(queue.advanced(), [], "the old one is not finished");
    queue.finish(&old);
    assert_eq!(queue.advanced(), [(place, 4)]);
}

#[test]
fn a_drained_queue_begins_nothing_and_pauses_everything() {
    let mut queue = WorkQueue::new(LIMITS);
    let place = partition(0);
    queue.assign(place.clone());
    queue.admit(&place, 0, 1, Some((1, ())));
    queue.admit(&place, 1, 1, Some((1, ())));
    let ((), ticket) = queue.take().expect("a record").into_parts();
    queue.drain();
    assert!(!queue.is_drained());
    assert_eq!(queue.flow(), Flow { pause: vec![place.clone()], resume: vec![] });
    assert!(!queue.finish(&ticket) && queue.is_drained());
    assert!(!queue.admit(&place, 1, 1, Some((1, ()))) && queue.take().is_none());
    assert_eq!((queue.advanced(), queue.flow()), (vec![(place, 1)], Flow::default()));
}
