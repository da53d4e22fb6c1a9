//! Deletion of rows that were kept for their time, in small steps between deliveries.

use std::time::{Duration, Instant};

use super::super::{Settings, job::Job, within};
use crate::{EventError, outbox::Store};

/// The most rows that one step deletes.
const STEP: i64 = 1_000;
/// The pause between two searches for rows that are too old.
const PAUSE: Duration = Duration::from_mins(1);

/// The longest time of one step.
const PATIENCE: Duration = Duration::from_mins(1);

/// When to look next.
#[derive(Debug)]
pub(in crate::relay) struct Retention {
    settings: Settings,
    step: Job<Result<u64, EventError>>,
    due: Instant,
}

impl Retention {
    pub(in crate::relay) fn new(settings: Settings) -> Self {
        Self { settings, step: Job::idle(), due: Instant::now() }
    }

    pub(in crate::relay) fn due(&self) -> Option<Instant> {
        let Settings { keep_published, keep_dead_letters, .. } = self.settings;
        let keeps = keep_published.is_some() || keep_dead_letters.is_some();
        (keeps && self.step.is_idle()).then_some(self.due)
    }

    /// Begins one step, if it is time.
    pub(in crate::relay) fn start<S: Store>(&mut self, store: &S) {
        if self.due().is_none_or(|due| Instant::now() < due) {
            return;
        }
        let Settings { keep_published, keep_dead_letters, .. } = self.settings;
        let store = store.clone();
        self.step.start(within(PATIENCE, async move {
            let mut deleted = 0;
            if let Some(age) = keep_published {
                deleted += store.forget(age, STEP).await?;
            }
            if let Some(age) = keep_dead_letters {
                deleted += store.cleanup(age, STEP).await?;
            }
            Ok(deleted)
        }));
    }

    /// Ends with a step. A failure is left to the next one. Cancel safe.
    pub(in crate::relay) async fn done(&mut self) {
        let deleted =
            self.step.done().await.inspect_err(|error| tracing::warn!(%error, "what is too old was not deleted"));
        let there_is_more = deleted.is_ok_and(|deleted| STEP <= deleted.cast_signed());
        self.due = if there_is_more { Instant::now() } else { Instant::now() + PAUSE };
    }
}
