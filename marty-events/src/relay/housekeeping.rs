//! What is kept for a time and then deleted, in small steps between deliveries.

use std::time::{Duration, Instant};

use super::Settings;
use crate::{EventError, outbox::Store};

/// How many rows one step deletes.
const STEP: i64 = 1_000;
/// The pause between two looks for what is too old.
const PAUSE: Duration = Duration::from_mins(1);

/// When to look next.
#[derive(Debug)]
pub(super) struct Housekeeping {
    settings: Settings,
    due: Instant,
}

impl Housekeeping {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, due: Instant::now() }
    }

    /// One step, if it is time. A failure is left to the next one.
    pub(super) async fn step<S: Store>(&mut self, store: &S) -> Result<(), EventError> {
        if Instant::now() < self.due {
            return Ok(());
        }
        self.due = Instant::now() + PAUSE;
        let mut deleted = 0;
        if let Some(age) = self.settings.keep_published {
            deleted += store.forget(age, STEP).await?;
        }
        if let Some(age) = self.settings.keep_dead_letters {
            deleted += store.cleanup(age, STEP).await?;
        }
        if deleted.cast_signed() >= STEP {
            self.due = Instant::now();
        }
        Ok(())
    }
}
