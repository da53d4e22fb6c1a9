//! The search for rows that came by a way unknown to the position: a restore, or numbers that were set back by hand.
//!
//! Every few minutes the relay reads the rows above the position's low number once more, as if they had been left behind. Below that
//! number there are only dead rows, which can be very many. The relay looks through those numbers from above, in steps, and for a small
//! part of the time.

use std::time::{Duration, Instant};

use super::super::{job::Job, window::Window, within};
use crate::{EventError, outbox::Store};

/// The pause between two sweeps.
const PAUSE: Duration = Duration::from_mins(5);
/// The span of numbers of the first step. A quick step is followed by one of twice as many.
const FIRST_STEP: i64 = 100_000;
const QUICK: Duration = Duration::from_millis(100);
/// A step is followed by a pause so many times as long.
const SHARE: u32 = 100;
/// The longest time of one step.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(in crate::relay) struct Sweep {
    step: Job<Step>,
    /// Everything above this number was looked through; nothing between two sweeps.
    above: Option<i64>,
    size: i64,
    at: Instant,
}

#[derive(Debug)]
pub(in crate::relay) struct Step {
    begun: Instant,
    from: i64,
    found: Result<Option<i64>, EventError>,
}

impl Sweep {
    pub(in crate::relay) fn new() -> Self {
        Self { step: Job::idle(), above: None, size: FIRST_STEP, at: Instant::now() + PAUSE }
    }

    pub(in crate::relay) fn due(&self) -> Option<Instant> {
        self.step.is_idle().then_some(self.at)
    }

    /// Begins a sweep or its next step, if it is time. `low` is where the relay's own reading begins.
    pub(in crate::relay) fn start<S: Store>(&mut self, store: &S, low: i64, window: &mut Window) {
        let now = Instant::now();
        if self.due().is_none_or(|at| now < at) {
            return;
        }
        let above = self.above.unwrap_or_else(|| {
            // Databases give no numbers below 1.
            window.look_from(low.saturating_add(1).max(1));
            low
        });
        if above == i64::MIN {
            self.end();
            return;
        }
        let from = above.saturating_sub(self.size);
        let store = store.clone();
        self.step.start(async move {
            let found = within(PATIENCE, store.first_between(from, above)).await;
            Step { begun: now, from, found }
        });
    }

    pub(in crate::relay) async fn done(&mut self) -> Step {
        self.step.done().await
    }

    pub(in crate::relay) fn take_in(&mut self, step: Step, window: &mut Window) {
        let Step { begun, from, found } = step;
        let time = begun.elapsed();
        self.at = Instant::now() + time * SHARE;
        match found {
            Ok(found) => {
                if let Some(seq) = found {
                    tracing::warn!(seq, "rows came into the outbox below those that were delivered; they are read now");
                    window.look_from(seq);
                }
                self.above = Some(from);
                self.size = if time < QUICK { self.size.saturating_mul(2) } else { FIRST_STEP.max(self.size / 2) };
                if from == i64::MIN {
                    self.end();
                }
            }
            // The same numbers are looked through in smaller steps.
            Err(error) => {
                tracing::debug!(%error, "a part of the outbox was not looked through");
                self.size = FIRST_STEP;
                self.at = Instant::now() + PAUSE;
            }
        }
    }

    fn end(&mut self) {
        (self.above, self.size, self.at) = (None, FIRST_STEP, Instant::now() + PAUSE);
    }
}
