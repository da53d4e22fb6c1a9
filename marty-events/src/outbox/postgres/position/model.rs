//! Random transactions, reads and restarts against a model of the database.

use std::collections::BTreeSet;

use super::{super::snapshot::Snapshot, *};

/// A xorshift generator: a run is named by its seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("less than the bound")
    }

    fn is(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn width(&mut self) -> i64 {
        [1, 3, 10, 100][self.below(4)]
    }
}

#[derive(Debug, Clone)]
struct Row {
    seq: i64,
    xid: u64,
    inserted: usize,
    committed: usize,
}

struct Open {
    xid: u64,
    rows: Vec<Row>,
}

/// The outbox, its transactions, and a relay of which only the marks survive.
struct Model {
    chance: Chance,
    time: usize,
    next_xid: u64,
    latest_over: u64,
    next_seq: i64,
    open: Vec<Open>,
    rows: Vec<Row>,
    written: usize,
    settled: BTreeSet<i64>,
    seen: BTreeSet<i64>,
    position: PostgresPosition,
    mark: Option<String>,
    longest_page: usize,
    /// Nobody writes any more.
    is_quiet: bool,
}

const LATE: usize = 2;
const SPAN: usize = 3;

impl Model {
    fn new(seed: u64) -> Self {
        Self {
            chance: Chance(seed),
            time: 0,
            next_xid: 100,
            latest_over: 99,
            next_seq: 1,
            open: Vec::new(),
            rows: Vec::new(),
            written: 0,
            settled: BTreeSet::new(),
            seen: BTreeSet::new(),
            position: PostgresPosition::default(),
            mark: None,
            longest_page: 0,
            is_quiet: false,
        }
    }

    fn draw_xid(&mut self) -> u64 {
        self.next_xid += 1;
        self.next_xid - 1
    }

    /// Something that a writer does: begin, write, commit, roll back.
    fn write(&mut self) {
        if self.is_quiet {
            return;
        }
        self.time += 1;
        match self.chance.below(10) {
            0..3 if self.open.len() < 6 => {
                let xid = self.draw_xid();
                self.open.push(Open { xid, rows: Vec::new() });
            }
            3..8 if !self.open.is_empty() => {
                let place = self.chance.below(self.open.len());
                let row = Row { seq: self.next_seq, xid: self.open[place].xid, inserted: self.time, committed: 0 };
                self.next_seq += 1 + i64::from(self.chance.is(10)) * 20;
                self.open[place].rows.push(row);
            }
            8.. if !self.open.is_empty() => {
                let place = self.chance.below(self.open.len());
                let undone = self.chance.is(20);
                self.end(place, undone);
            }
            _ => {}
        }
    }

    fn end(&mut self, place: usize, undone: bool) {
        let Open { xid, rows } = self.open.swap_remove(place);
        self.latest_over = self.latest_over.max(xid);
        if !undone {
            self.written += rows.len();
            self.rows.extend(rows.into_iter().map(|row| Row { committed: self.time, ..row }));
        }
    }

    fn snapshot(&self) -> Snapshot {
        let next_xid = self.latest_over + 1;
        let in_progress = self.open.iter().map(|open| open.xid).filter(|xid| *xid < next_xid).collect();
        Snapshot { next_xid, in_progress }
    }

    /// A read, in the middle of which others write. Answers whether there is more.
    fn read(&mut self) -> bool {
        self.position.width = self.chance.width();
        let bounds = self.position.bounds();
        let snapshot = self.snapshot();
        let (page, extent) = select(&self.rows, &self.position, &bounds, &snapshot);
        self.longest_page = self.longest_page.max(page.len());
        for _ in 0..self.chance.below(4) {
            self.write();
        }
        let own = self.draw_xid();
        for _ in 0..self.chance.below(4) {
            self.write();
        }
        self.latest_over = self.latest_over.max(own);
        let read_point = ReadPoint { snapshot, place: Place { started: 1, file: 1 } };
        assert_eq!(self.position.recognises(&read_point), Recognition::Same);
        self.position.advance(&read_point, bounds.reached(&extent), extent.last);
        for row in &page {
            let missed =
                self.rows.iter().find(|other| other.committed < row.inserted && !self.seen.contains(&other.seq));
            assert!(missed.is_none(), "{missed:?} was overtaken by {row:?}");
            self.seen.insert(row.seq);
        }
        extent.is_cut || !extent.is_whole || bounds.end.is_some()
    }

    /// Something that the relay does.
    fn relay(&mut self) {
        match self.chance.below(20) {
            0..10 => drop(self.read()),
            10..15 => {
                let seen: Vec<i64> = self.seen.iter().copied().filter(|seq| !self.settled.contains(seq)).collect();
                for seq in seen {
                    if self.chance.is(60) {
                        self.settled.insert(seq);
                    }
                }
                let settled = &self.settled;
                self.rows.retain(|row| !settled.contains(&row.seq));
            }
            15..18 => {
                let lowest = self.seen.iter().copied().find(|seq| !self.settled.contains(seq));
                self.mark = self.position.mark(lowest).or(self.mark.take());
            }
            18 => {
                self.position = PostgresPosition::resume(std::slice::from_ref(&self.mark));
                self.seen.clone_from(&self.settled);
            }
            _ => {
                let seq =
                    i64::try_from(self.chance.below(usize::try_from(self.next_seq).expect("small"))).expect("small");
                self.position = PostgresPosition::resume(&[self.position.mark(Some(seq))]);
            }
        }
    }
}

/// The rows that the statement answers.
fn select(rows: &[Row], position: &PostgresPosition, bounds: &Bounds, snapshot: &Snapshot) -> (Vec<Row>, Extent) {
    let mut rows: Vec<&Row> = rows.iter().filter(|row| snapshot.is_over(row.xid)).collect();
    rows.sort_by_key(|row| row.seq);
    let ended: Vec<(u64, i64)> =
        position.named.iter().map(|(xid, floor)| (*xid, *floor)).filter(|(xid, _)| snapshot.is_over(*xid)).collect();
    let from = ended.iter().map(|(_, floor)| *floor).fold(bounds.behind, i64::min);
    let late_end = from.max(0) + bounds.width;
    let is_late = |row: &&&Row| {
        let is_unnamed = bounds.behind < row.seq && position.next_xid <= row.xid;
        let is_ended = ended.iter().any(|(xid, _)| *xid == row.xid);
        from < row.seq && row.seq <= bounds.cursor && row.seq <= late_end && (is_ended || is_unnamed)
    };
    let mut page: Vec<Row> = rows.iter().filter(is_late).take(LATE).map(|row| (*row).clone()).collect();
    let late = page.len();
    let is_whole = bounds.cursor <= late_end && late < LATE;
    let last_late = page.last().map(|row| row.seq).filter(|_| late == LATE);
    let end = bounds.end.unwrap_or(i64::MAX);
    let next = rows.iter().filter(|row| is_whole && bounds.cursor < row.seq && row.seq <= end).take(SPAN);
    page.extend(next.map(|row| (*row).clone()));
    let last = page[late..].last().map(|row| row.seq);
    let is_cut = page.len() - late == SPAN;
    (page, Extent { is_whole, late_end, last_late, is_cut, last })
}

#[test]
fn every_row_is_read_and_none_before_what_was_committed_before_it_was_written() {
    for seed in 1..=3_000 {
        let mut model = Model::new(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        for _ in 0..300 {
            if model.chance.is(60) { model.write() } else { model.relay() }
        }
        while !model.open.is_empty() {
            model.end(0, false);
        }
        model.is_quiet = true;
        // The last read of a busy time shows what was over before it.
        model.read();
        while model.read() {}
        let missed: Vec<&Row> = model.rows.iter().filter(|row| !model.seen.contains(&row.seq)).collect();
        assert!(missed.is_empty(), "seed {seed}: {missed:?} {:?}", model.position);
        assert!(model.longest_page <= LATE + SPAN);
        assert!(0 < model.written);
    }
}
