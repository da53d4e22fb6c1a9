//! Random transactions, and a relay that reads them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::super::*;

/// A small generator of numbers that look random.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The number is given, and its row is not there yet.
    Drawn(Instant),
    Open(usize),
    Committed,
}

#[derive(Debug)]
struct Row {
    state: State,
    transaction: usize,
    is_own: bool,
    inserted: usize,
    committed: Option<usize>,
    /// In this run of the relay.
    seen: bool,
}

struct Model {
    chance: Chance,
    now: Instant,
    step: usize,
    rows: BTreeMap<i64, Row>,
    last: i64,
    open: Vec<usize>,
    begun: usize,
    position: MySqlPosition,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut model = Self {
            chance: Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            now: Instant::now(),
            step: 0,
            rows: BTreeMap::new(),
            last: 0,
            open: Vec::new(),
            begun: 0,
            position: MySqlPosition::default(),
        };
        model.position.begin(7, 1, model.now);
        model
    }

    fn next(&self) -> i64 {
        self.last + 1
    }

    fn write(&mut self) {
        match self.chance.below(10) {
            0..=1 if self.open.len() < 8 => {
                self.open.push(self.begun);
                self.begun += 1;
            }
            2..=6 if !self.open.is_empty() => {
                let place = usize::try_from(self.chance.below(self.open.len() as u64)).unwrap();
                let transaction = self.open[place];
                // Some statements are of many rows, and some are slow.
                for _ in 0..=[0, 0, 0, 20][usize::try_from(self.chance.below(4)).unwrap()] {
                    let is_slow = self.chance.below(20) == 0;
                    let until = self.now + Duration::from_millis(self.chance.below(2_500));
                    let state = if is_slow { State::Drawn(until) } else { State::Open(transaction) };
                    let is_own = self.chance.below(3) != 0;
                    let row = Row { state, transaction, is_own, inserted: self.step, committed: None, seen: false };
                    self.last += 1;
                    self.rows.insert(self.last, row);
                }
            }
            _ if !self.open.is_empty() => {
                let place = usize::try_from(self.chance.below(self.open.len() as u64)).unwrap();
                let transaction = self.open[place];
                // A statement ends before its transaction does.
                let is_busy = |row: &Row| row.transaction == transaction && matches!(row.state, State::Drawn(_));
                if !self.rows.values().any(is_busy) {
                    let is_committed = self.chance.below(4) != 0;
                    self.end(place, is_committed);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, place: usize, is_committed: bool) {
        let transaction = self.open.swap_remove(place);
        self.rows.retain(|_, row| row.transaction != transaction || is_committed);
        for row in self.rows.values_mut().filter(|row| row.transaction == transaction) {
            (row.state, row.committed) = (State::Committed, Some(self.step));
        }
    }

    /// Other relays deliver theirs whether this one has read them or not; its own go once they are seen.
    fn settle(&mut self) {
        let chance = &mut self.chance;
        self.rows.retain(|_, row| row.state != State::Committed || row.is_own && !row.seen || chance.below(4) != 0);
    }

    fn read(&mut self) {
        let (now, width) = (self.now, self.position.width());
        let old = self.position.gaps().old(now, 3, width);
        let is_there =
            |number: i64| matches!(self.rows.get(&number), Some(Row { state: State::Open(_) | State::Committed, .. }));
        let there: Vec<i64> =
            old.iter().flat_map(|(first, last)| *first..=*last).filter(|number| is_there(*number)).collect();
        self.position.narrow(&old, &there, now);

        let ask = self.position.ask(1 + i64::try_from(self.chance.below(6)).unwrap());
        let visible = || self.rows.iter().filter(|(_, row)| row.state == State::Committed).map(|(number, _)| *number);
        let in_gap = |number: &i64| ask.gaps.iter().any(|(first, last)| (*first..=*last).contains(number));
        let limit = |most: i64| usize::try_from(most).unwrap();
        let mut late: Vec<(i64, ())> =
            visible().filter(in_gap).take(limit(ask.late_limit)).map(|number| (number, ())).collect();
        let behind = visible().filter(|number| ask.cursor < *number && *number <= ask.end);
        let mut next: Vec<(i64, ())> = behind.take(limit(ask.limit)).map(|number| (number, ())).collect();
        self.position.take(&ask, &mut late, &mut next, now);
        assert!(late.len() <= limit(ask.limit) && next.len() <= limit(ask.limit));
        for (number, ()) in late.into_iter().chain(next) {
            self.see(number);
        }
    }

    /// Fails unless all its own rows whose commit came before this one's insert are gone, or were seen before.
    fn see(&mut self, number: i64) {
        let inserted = self.rows[&number].inserted;
        if self.rows[&number].is_own {
            for (earlier, row) in self.rows.iter().filter(|(_, row)| row.is_own && row.state == State::Committed) {
                if row.committed.is_some_and(|committed| committed < inserted) {
                    assert!(row.seen, "{number} overtook {earlier}");
                }
            }
        }
        self.rows.get_mut(&number).unwrap().seen = true;
    }

    fn unsettled(&self) -> Option<i64> {
        let own = self.rows.iter().find(|(_, row)| row.is_own && row.seen && row.state == State::Committed);
        own.map(|(number, _)| *number)
    }

    /// Another relay, or the same one anew, goes on by the mark.
    fn restart(&mut self) {
        let mark = self.position.mark(self.unsettled());
        self.position = MySqlPosition::resume(&[mark]);
        self.position.begin(7, self.next(), self.now);
        self.rows.values_mut().for_each(|row| row.seen = false);
    }

    fn run(mut self) {
        for _ in 0..600 {
            self.step += 1;
            self.now += Duration::from_millis(self.chance.below(300));
            for row in self.rows.values_mut() {
                if let State::Drawn(until) = row.state
                    && until <= self.now
                {
                    row.state = State::Open(row.transaction);
                }
            }
            match self.chance.below(100) {
                0..=1 => self.restart(),
                2 => {
                    let to = i64::try_from(self.chance.below(self.next().unsigned_abs())).unwrap() + 1;
                    self.position = MySqlPosition::resume(&[self.position.mark(Some(to))]);
                }
                3..=50 => self.write(),
                51..=60 => self.settle(),
                _ => self.read(),
            }
        }
        self.now += Duration::from_secs(3);
        self.step += 1;
        while !self.open.is_empty() {
            self.end(0, true);
        }
        for _ in 0..5_000 {
            self.now += Duration::from_secs(1);
            self.read();
            if self.position.gaps().is_empty() && self.position.cursor() == self.last {
                break;
            }
        }
        for (number, row) in &self.rows {
            assert!(row.state != State::Committed || !row.is_own || row.seen, "{number} was not read: {row:?}");
        }
        assert!(self.position.gaps().is_empty(), "what never comes is given up: {:?}", self.position);
        assert_eq!(self.position.low(), if self.next() == 1 { i64::MIN } else { self.position.cursor() });
    }
}

#[test]
fn every_committed_row_is_read_and_none_before_one_that_was_committed_before_its_insert() {
    for seed in 1..=100 {
        Model::new(seed).run();
    }
}
