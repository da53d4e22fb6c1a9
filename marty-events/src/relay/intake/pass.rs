//! A second read of rows that were left behind, beside the reading of new rows.

use std::time::{Duration, Instant};

use super::{
    super::{
        Running,
        job::Job,
        window::{Source, Window},
        within,
    },
    admit, as_number,
};
use crate::{
    EventError,
    outbox::{Lane, Page, Portion, Position, Queue},
};

/// The shortest pause between two passes.
const PAUSE: Duration = Duration::from_millis(100);
/// A pass may take this part of the time.
const SHARE: u32 = 4;
/// The span of numbers that the first statement looks through. Dead rows may be among them.
const FIRST_RANGE: i64 = 100_000;
const LONGEST_RANGE: i64 = 1 << 30;
/// A statement that takes less looks through twice as many next time; one that takes more than [`LONG`], through half as many.
const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_millis(500);

pub(super) struct CatchUp {
    reading: Job<Passed>,
    since: Instant,
    range: i64,
    /// When the pass began that is under way, and when the next one may.
    begun: Instant,
    not_before: Instant,
}

/// The result of one step of a pass.
pub(in crate::relay) struct Passed {
    begun: Instant,
    from: i64,
    to: i64,
    page: Result<Page, EventError>,
}

impl CatchUp {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { reading: Job::idle(), since: now, range: FIRST_RANGE, begun: now, not_before: now }
    }

    /// The step that is under way begins once more.
    pub(super) fn ask_anew(&mut self) {
        self.reading = Job::idle();
    }

    /// Since when a step has been under way.
    pub(super) fn since(&self) -> Option<Instant> {
        (!self.reading.is_idle()).then_some(self.since)
    }

    pub(super) fn due(&self, window: &Window, reached: i64, room: usize) -> Option<Instant> {
        if !self.reading.is_idle() || room == 0 {
            return None;
        }
        if window.pass().is_some() {
            return Some(self.since);
        }
        window.pass_is_due(reached).then_some(self.not_before)
    }

    /// Begins a pass if one is due, up to the position that is `reached`, or goes on with the pass under way.
    pub(super) fn start<S: Queue>(
        &mut self,
        Running { store, .. }: Running<'_, S>,
        lanes: &[Lane],
        window: &mut Window,
        patience: Duration,
        position: &S::Position,
        (rows, bytes): (usize, usize),
    ) {
        let (now, reached) = (Instant::now(), position.reached());
        if !self.reading.is_idle() || rows == 0 {
            return;
        }
        if window.pass().is_none() && window.pass_is_due(reached) && self.not_before <= now {
            self.begun = now;
            window.begin_pass(reached);
        }
        let Some((from, to)) = window.pass() else { return };
        // Below the numbers that a database gives there is next to nothing.
        let end = if from < 0 { 0 } else { from.saturating_add(self.range) };
        let (to, lanes) = (to.min(end), lanes.to_vec());
        self.since = now;
        let (store, position) = (store.clone(), position.clone());
        self.reading.start(async move {
            let portion = Portion { lanes: &lanes, rows: as_number(rows), bytes: as_number(bytes) };
            let reread = store.reread(&position, (from, to), portion);
            Passed { begun: now, from, to, page: within(patience, reread).await }
        });
    }

    pub(super) async fn passed(&mut self) -> Passed {
        self.reading.done().await
    }

    pub(super) fn take_in(&mut self, passed: Passed, window: &mut Window) -> Result<(), EventError> {
        let Passed { begun, from, to, page } = passed;
        let time = begun.elapsed();
        if time < SHORT {
            self.range = (self.range * 2).min(LONGEST_RANGE);
        } else if LONG < time {
            self.range = (self.range / 2).max(FIRST_RANGE / 100);
        }
        let page = page?;
        if window.pass().is_none_or(|(at, _)| at != from) {
            // It was cancelled meanwhile.
            return Ok(());
        }
        // A page that is full ends with its last row, one that is not with the range.
        let last = if page.is_full { page.last.unwrap_or(to) } else { to };
        admit(page, window, Source::Pass);
        window.pass_reached(last);
        if window.pass().is_none() {
            self.not_before = Instant::now() + PAUSE.max(self.begun.elapsed() * SHARE);
        }
        Ok(())
    }
}
