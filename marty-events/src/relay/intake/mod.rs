//! The reads of a relay, and their times.

mod pass;

use std::time::{Duration, Instant};

use super::{
    Running, Settings,
    circuit::Circuit,
    job::Job,
    window::{Source, Window},
    within,
};
use crate::{
    EventError,
    observe::RelayMetrics,
    outbox::{Lane, Page, Portion, Position, Queue, Unreadable},
};

use pass::{CatchUp, Passed};

/// So many bytes of room are as good as room for one row: a page is not read for the sake of a few bytes.
const USUAL_SIZE: usize = 16 << 10;
/// The shortest pause between two looks into the outbox, while events are flowing.
const BUSY_POLL: Duration = Duration::from_millis(2);
/// The longest such pause: after it the outbox is quiet, and looked into when something says so or at the next heartbeat.
const LAST_POLL: Duration = Duration::from_secs(1);
/// The longest time of one read, at first and after slow reads. Heartbeats go on beside it. A connection that the network has forgotten
/// never answers. The first read of an outbox that no relay has read may walk over very many dead rows.
const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_PATIENCE: Duration = Duration::from_mins(15);

/// The relay's position in one term, and its reads under way.
pub(super) struct Intake<S: Queue> {
    position: S::Position,
    /// The database may be another one than before, where the position means nothing: it is taken from the database anew.
    is_doubtful: bool,
    /// The position was replaced while a read was under way, whose own says nothing any more.
    was_replaced: bool,
    reading: Job<Read<S>>,
    since: Instant,
    catch_up: CatchUp,
    poll_pause: Duration,
    /// Nothing while the outbox is quiet: the next heartbeat tells whether there is something.
    poll_at: Option<Instant>,
    /// Not before this is anything read again.
    not_before: Instant,
    /// The longest time of the next read.
    patience: Duration,
}

/// The result of a read.
pub(super) struct Read<S: Queue> {
    /// The numbers of rows whose turn has come, and the rows.
    wanted: Vec<i64>,
    loaded: Result<Page, EventError>,
    /// A page of those behind the position, and the position after it.
    page: Option<Result<Fetched<S::Position>, EventError>>,
}

/// A page, the position after it, and how long it took.
type Fetched<P> = (Page, P, Duration);

/// Something that was read.
pub(super) enum Took<S: Queue> {
    Page(Read<S>),
    Pass(Passed),
}

impl<S: Queue> Intake<S> {
    pub(super) fn new(marks: &[Option<String>]) -> Self {
        let now = Instant::now();
        Self {
            position: S::Position::resume(marks),
            is_doubtful: false,
            was_replaced: false,
            reading: Job::idle(),
            since: now,
            catch_up: CatchUp::new(),
            poll_pause: BUSY_POLL,
            poll_at: Some(now),
            not_before: now,
            patience: PATIENCE,
        }
    }

    /// Begins anew where relays before have come to, in lanes with these marks.
    pub(super) fn resume(&mut self, marks: &[Option<String>], window: &mut Window) {
        window.cancel_pass();
        self.position = S::Position::resume(marks);
        self.is_doubtful = false;
        self.was_replaced = true;
        self.poll_soon();
    }

    /// The database answers again. An earlier question may have gone to a server that never answers, so it is asked anew.
    pub(super) fn ask_anew(&mut self) {
        self.reading = Job::idle();
        self.catch_up.ask_anew();
        self.patience = PATIENCE;
        self.poll_soon();
    }

    pub(super) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// The mark by which another relay would go on; nothing while that is not known.
    pub(super) fn mark(&self, window: &Window) -> Option<String> {
        if self.is_doubtful { None } else { self.position.mark(window.lowest()) }
    }

    /// The position, where nobody looks behind it for now.
    pub(super) fn quiet(&self) -> Option<S::Position> {
        let is_quiet = self.poll_at.is_none() && self.reading.is_idle() && !self.position.is_new();
        is_quiet.then(|| self.position.clone())
    }

    /// Below this number nothing is looked for any more.
    pub(super) fn low(&self) -> i64 {
        self.position.low()
    }

    pub(super) fn poll_soon(&mut self) {
        self.poll_pause = BUSY_POLL;
        self.poll_at = Some(Instant::now());
    }

    /// Since when a read has been under way.
    pub(super) fn reading_since(&self) -> Option<Instant> {
        (!self.reading.is_idle()).then_some(self.since)
    }

    /// Starts the reads that are due: rows whose turn has come, and a page once every row that was left behind for want of room is here.
    pub(super) fn start(&mut self, running: Running<'_, S>, lanes: &[Lane], window: &mut Window) {
        let now = Instant::now();
        if now < self.not_before {
            return;
        }
        let settings = running.settings;
        if self.reading.is_idle() {
            let (rows, bytes) = room(&settings, window, 0, 0);
            let (wanted, used) = window.wanted(rows, bytes);
            let (rows, bytes) = room(&settings, window, wanted.len(), used);
            let wants_more = window.wanted(wanted.len() + 1, usize::MAX).0.len() > wanted.len();
            let is_due = self.poll_at.is_some_and(|at| at <= now);
            let page = (is_due && 0 < rows && !wants_more).then_some((rows, bytes));
            if page.is_some() || !wanted.is_empty() {
                self.read(running, lanes.to_vec(), wanted, page);
            }
        }
        let (rows, bytes) = room(&settings, window, 0, 0);
        self.catch_up.start(running, lanes, window, self.patience, &self.position, (rows, bytes));
    }

    fn read(
        &mut self,
        Running { store, .. }: Running<'_, S>,
        lanes: Vec<Lane>,
        wanted: Vec<i64>,
        page: Option<(usize, usize)>,
    ) {
        let (begun, patience, mut position) = (Instant::now(), self.patience, self.position.clone());
        (self.since, self.was_replaced) = (begun, false);
        let store = store.clone();
        self.reading.start(async move {
            let loaded =
                if wanted.is_empty() { Ok(Page::default()) } else { within(patience, store.load(&wanted)).await };
            let page = match page {
                Some((rows, bytes)) if loaded.is_ok() => {
                    let begun = Instant::now();
                    let portion = Portion { lanes: &lanes, rows: as_number(rows), bytes: as_number(bytes) };
                    let fetched = within(patience, store.fetch(&mut position, portion)).await;
                    Some(fetched.map(|page| (page, position, begun.elapsed())))
                }
                _ => None,
            };
            Read { wanted, loaded, page }
        });
    }

    /// The result of a read. Cancel safe.
    pub(super) async fn took(&mut self) -> Took<S> {
        tokio::select! {
            read = self.reading.done() => Took::Page(read),
            passed = self.catch_up.passed() => Took::Pass(passed),
        }
    }

    /// Takes the result of a read into the window.
    pub(super) fn take_in(
        &mut self,
        took: Took<S>,
        window: &mut Window,
        settings: &Settings,
        metrics: &RelayMetrics,
        database: &mut Circuit,
    ) {
        let failed = match took {
            Took::Page(read) => self.take_page(read, window, settings, metrics).err(),
            Took::Pass(passed) => self.catch_up.take_in(passed, window).err(),
        };
        match failed {
            None => {
                self.patience = PATIENCE;
                database.works_for("reading");
            }
            Some(error) => {
                self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
                self.not_before = Instant::now() + database.failed_for("reading", &error);
                self.doubt();
                self.poll_soon();
            }
        }
        // Nothing is read any more that was asked for before a row was heard to be gone.
        let oldest = [self.reading_since(), self.catch_up.since()].into_iter().flatten().min();
        window.forget_gone(oldest.unwrap_or_else(Instant::now));
    }

    fn take_page(
        &mut self,
        read: Read<S>,
        window: &mut Window,
        settings: &Settings,
        metrics: &RelayMetrics,
    ) -> Result<(), EventError> {
        let Read { wanted, loaded, page, .. } = read;
        let mut loaded = loaded?;
        loaded.unreadable.iter().for_each(|row| leave_out(row, window));
        window.loaded(&wanted, std::mem::take(&mut loaded.rows));
        let Some(page) = page else { return Ok(()) };
        let (page, position, time) = page?;
        if !self.was_replaced {
            if position.reached() < self.position.reached() {
                // The read brings the rows of the pass too, and in order.
                window.cancel_pass();
            }
            self.position = position;
        }
        metrics.fetched(page.rows.len() + page.numbers.len(), time);
        // A page of other relays' rows, or of dead ones, tells nothing about the rows behind it.
        let is_quiet = page.rows.is_empty() && page.numbers.is_empty() && !page.is_full;
        self.poll_pause = if is_quiet { (self.poll_pause * 2).min(LAST_POLL) } else { BUSY_POLL };
        let pause = if page.is_full || self.was_replaced { Duration::ZERO } else { self.poll_pause };
        self.poll_at = (pause < LAST_POLL.min(settings.beat())).then(|| Instant::now() + pause);
        admit(page, window, Source::Position);
        Ok(())
    }

    /// When there is something to read.
    pub(super) fn due(&self, settings: &Settings, window: &Window) -> Option<Instant> {
        let (rows, bytes) = room(settings, window, 0, 0);
        let wants = 0 < rows && self.reading.is_idle() && !window.wanted(1, bytes).0.is_empty();
        let wanted = wants.then_some(self.not_before);
        let page =
            self.poll_at.filter(|_| self.reading.is_idle() && 0 < rows && window.wanted(1, usize::MAX).0.is_empty());
        let pass = self.catch_up.due(window, self.position.reached(), rows);
        let due = [wanted, page, pass].into_iter().flatten().min()?;
        Some(due.max(self.not_before))
    }
}

/// The rows, and their bytes, that may be read at once beside so many that are on their way.
fn room(settings: &Settings, window: &Window, rows: usize, bytes: usize) -> (usize, usize) {
    let (free_rows, free_bytes) = window.room();
    let (rows, bytes) = (free_rows.saturating_sub(rows), free_bytes.saturating_sub(bytes));
    (rows.min(settings.batch_size as usize).min(bytes.div_ceil(USUAL_SIZE)), bytes)
}

/// Takes a page into the window in the order of its numbers, so that the successors of a row that is left out are left with it.
fn admit(page: Page, window: &mut Window, source: Source) {
    let mut rows = page.rows.into_iter().peekable();
    let mut numbers = page.numbers.into_iter().peekable();
    let mut unreadable = page.unreadable.into_iter().peekable();
    loop {
        let (row, number) = (rows.peek().map(|row| row.seq), numbers.peek().map(|number| number.seq));
        let left_out = unreadable.peek().map(|row| row.seq);
        let Some(next) = [row, number, left_out].into_iter().flatten().min() else { return };
        if row == Some(next) {
            rows.next().into_iter().for_each(|event| window.admit(event, source));
        } else if number == Some(next) {
            numbers.next().into_iter().for_each(|number| window.note(number, source));
        } else {
            unreadable.next().into_iter().for_each(|row| leave_out(&row, window));
        }
    }
}

fn leave_out(row: &Unreadable, window: &mut Window) {
    if window.leave_unreadable(row.seq, row.ordering_key.as_deref()) {
        tracing::error!(error = %row.error, "a row of the outbox is left alone");
    }
}

fn as_number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
