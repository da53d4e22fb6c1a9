//! Taking delivered rows out of the outbox.

use std::time::{Duration, Instant};

use super::{Running, Settings, circuit::Circuit, delivery::Delivery, job::Job, tenure::Tenure, within};
use crate::{
    EventError,
    outbox::{RowId, Settled, Store},
};

/// The longest time of one statement.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause of rows that somebody else has locked.
const LOCKED_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Settlement {
    job: Job<Done>,
    /// Not before this is the database asked again.
    not_before: Instant,
    /// When locked rows are tried again.
    locked_at: Instant,
}

#[derive(Debug)]
pub(super) struct Done {
    begun: Instant,
    rows: usize,
    answer: Result<Settled, EventError>,
}

impl Settlement {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { job: Job::idle(), not_before: now, locked_at: now }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.job.is_idle()
    }

    /// When delivered rows are to be settled, if there are any: at once where they are a batch, or the window has no room for others,
    /// or `at_once`.
    pub(super) fn due(&self, settings: &Settings, delivery: &Delivery, at_once: bool) -> Option<Instant> {
        if !self.job.is_idle() {
            return None;
        }
        let window = &delivery.window;
        let is_batch = settings.batch_size as usize <= window.unsettled().len();
        let at_once = at_once || is_batch || window.room().0 == 0;
        // Rows that were locked, and whose settlement failed then, have no pause of their own.
        let pause = delivery.settle_at.filter(|_| !at_once).unwrap_or(self.not_before);
        let fresh = (!window.unsettled().is_empty()).then_some(pause.max(self.not_before));
        let locked = (0 < window.locked()).then_some(self.locked_at.max(self.not_before));
        fresh.into_iter().chain(locked).min()
    }

    pub(super) fn start<S: Store>(
        &mut self,
        running: Running<'_, S>,
        tenure: &Tenure,
        delivery: &mut Delivery,
        at_once: bool,
    ) {
        let Running { store, settings, relay, .. } = running;
        let begun = Instant::now();
        if self.due(&settings, delivery, at_once).is_none_or(|at| begun < at) {
            return;
        }
        if 0 < delivery.window.locked() && self.locked_at <= begun {
            delivery.window.settle_locked();
        }
        let (rows, lanes): (Vec<RowId>, Vec<i32>) = delivery.window.unsettled().iter().copied().unzip();
        let (lanes, keep) = (tenure.with_numbers(lanes), settings.keep_published.is_some());
        let store = store.clone();
        self.job.start(async move {
            let answer = within(PATIENCE, store.settle(relay, &lanes, &rows, keep)).await;
            Done { begun, rows: rows.len(), answer }
        });
    }

    /// The result of the settlement. Cancel safe.
    pub(super) async fn done(&mut self) -> Done {
        self.job.done().await
    }

    /// Answers `false` where another relay has one of the lanes.
    pub(super) fn take_in(
        &mut self,
        done: Done,
        tenure: &mut Tenure,
        delivery: &mut Delivery,
        database: &mut Circuit,
    ) -> bool {
        let Done { begun, rows, answer } = done;
        let now = Instant::now();
        match answer {
            Ok(Settled::Lost) => return false,
            Ok(Settled::Except(locked)) => {
                database.works_for("settling");
                let settled = rows - locked.len().min(rows);
                delivery.window.settled(rows, &locked, now);
                delivery.metrics.settled(settled, begun.elapsed());
                tenure.has_settled(settled);
                // Rows that were delivered meanwhile have their own pause.
                delivery.settle_at =
                    (!delivery.window.unsettled().is_empty()).then_some(now + super::delivery::SETTLE_PAUSE);
                if !locked.is_empty() {
                    self.locked_at = now + LOCKED_PAUSE;
                }
            }
            Err(error) => self.not_before = now + database.failed_for("settling", &error),
        }
        true
    }
}
