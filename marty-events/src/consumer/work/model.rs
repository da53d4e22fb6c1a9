//! The queue against a model: partitions, records, workers, and chance.
//!
//! Records are read, taken one by one and in batches, and finished; partitions are assigned, taken away with and without patience, and
//! assigned again, from the committed offset. In every case a key's records are begun in their order and one at a time, no offset is
//! committed below which a record is unfinished, results of an earlier assignment commit nothing, and the bounds hold. A batch that is not
//! full waits for company beside another one of its handler, and for nothing else; a worker that sleeps is woken.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use super::{
    lines::{Batches, COMPANY},
    queue::*,
};
use crate::kafka::Partition;

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
const LIMITS: Limits = Limits { rows: 30, bytes: 300, batch: 5 };

#[derive(Debug, Clone)]
struct Record {
    key: u64,
    partition: i32,
    offset: i64,
    batches: Batches,
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
    /// The records of each lane that nobody has begun.
    waiting: BTreeMap<u64, Vec<Record>>,
    begun: BTreeMap<(u64, i32), i64>,
    now: Instant,
    /// The last begin of a batch of each handler.
    last: HashMap<Batches, Instant>,
    /// The worker that looked last has found nothing, and waits until it is wanted.
    is_asleep: bool,
}

/// A key of records that are handled alone, some of one handler of batches, and some of which each record may be of another handler.
fn batches_of(key: u64, offset: i64) -> Batches {
    match key / 10 {
        0 | 1 => None,
        2 | 3 => Some(0),
        4 => Some(1),
        _ => [None, Some(0), Some(1)][usize::try_from(offset / 7 % 3).expect("below 3")],
    }
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
            waiting: BTreeMap::new(),
            begun: BTreeMap::new(),
            now: Instant::now(),
            last: HashMap::new(),
            is_asleep: false,
        }
    }

    fn step(&mut self) {
        self.now += COMPANY * u32::from(self.chance.one_in(3)) / 5;
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
        for lane in self.waiting.values_mut() {
            lane.retain(|record| record.partition != id);
        }
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
        let record = Record { key, partition: id, offset, batches: batches_of(key, offset) };
        if offset % 11 == 10 {
            self.log(id).finished.insert(offset);
            self.queue.admit(&partition(id), offset, 10, None);
            return;
        }
        let job = Job { lane: key, batches: record.batches, record: record.clone() };
        let wants_worker = self.queue.admit(&partition(id), offset, 10, Some(job));
        assert!(wants_worker || !self.is_asleep || self.busy.contains_key(&key), "nobody takes {record:?}");
        self.waiting.entry(key).or_default().push(record);
        self.is_asleep &= !wants_worker;
    }

    /// The first records of lanes that no worker has.
    fn ready(&self) -> impl Iterator<Item = &Record> {
        self.waiting.iter().filter(|(lane, _)| !self.busy.contains_key(lane)).filter_map(|(_, records)| records.first())
    }

    fn is_at_work(&self, batches: Batches) -> bool {
        self.under_way.iter().any(|(record, _, _)| record.batches == batches)
    }

    fn take(&mut self) {
        match self.queue.take(self.now) {
            Next::Records(batch) => self.begin(batch),
            Next::After(pause) => {
                assert!(pause <= COMPANY && self.ready().next().is_some(), "{pause:?}");
                for record in self.ready() {
                    assert!(
                        record.batches.is_some() && self.is_at_work(record.batches),
                        "{record:?} waits for nothing"
                    );
                }
                if self.chance.one_in(3) {
                    self.now += pause;
                    let Next::Records(batch) = self.queue.take(self.now) else { panic!("they have waited") };
                    self.begin(batch);
                }
            }
            Next::Nothing => {
                let left = self.ready().next();
                assert!(left.is_none(), "{left:?} is passed over");
                self.is_asleep = true;
            }
        }
    }

    fn begin(&mut self, batch: Vec<Taken<Record>>) {
        let batches = batch[0].record.batches;
        let most = if batches.is_some() { LIMITS.batch } else { 1 };
        assert!(batch.len() <= most && batch.iter().all(|taken| taken.record.batches == batches));
        let last = self.last.insert(batches, self.now);
        if batch.len() < most && self.is_at_work(batches) {
            assert!(last.is_some_and(|last| COMPANY <= self.now - last), "a small batch beside another one");
        }
        let lanes: BTreeSet<u64> = batch.iter().map(|taken| taken.record.key).collect();
        for lane in lanes {
            assert_eq!(self.busy.get(&lane), None, "two workers have the lane {lane}");
        }
        for taken in batch {
            let (record, ticket) = taken.into_parts();
            let generation = self.log(record.partition).generation;
            *self.busy.entry(record.key).or_default() += 1;
            self.waiting.entry(record.key).or_default().remove(0);
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
        // Its worker looks for more.
        self.is_asleep = false;
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
            self.now += COMPANY;
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
