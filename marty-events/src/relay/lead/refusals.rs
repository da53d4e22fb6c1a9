//! What becomes of the rows that the broker refused.

use std::time::{Duration, Instant};

use super::{super::pauses, Tenure, Term, tenure};
use crate::{
    EventError,
    error::OneLine,
    observe::Again,
    outbox::{Refused, Store},
};

/// The longest wait between two refusals of one event.
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// A row that was refused.
pub(super) struct Refusal {
    pub(super) seq: i64,
    pub(super) reason: String,
    /// The refusal may have been another row's.
    pub(super) with_batch: bool,
}

impl<S: Store> Term<'_, S> {
    /// Writes the refusals down, and acts on each that is.
    pub(super) async fn settle_refusals(&mut self) -> Result<Tenure, EventError> {
        while let Some(refusal) = self.refusals.last() {
            if self.settle_refusal(refusal).await? == Tenure::Lost {
                return Ok(Tenure::Lost);
            }
            if let Some(refusal) = self.refusals.pop() {
                self.act_on(&refusal);
            }
        }
        Ok(Tenure::Held)
    }

    async fn settle_refusal(&self, refusal: &Refusal) -> Result<Tenure, EventError> {
        let Some(event) = self.window.event(refusal.seq) else { return Ok(Tenure::Held) };
        let Some(lane) = self.lane(event.lane) else { return Ok(Tenure::Held) };
        let refused = Refused {
            row: event.row_id(),
            attempts: event.attempts.saturating_add(1),
            reason: refusal.reason.clone(),
            is_buried: self.is_last_attempt(refusal),
        };
        self.store.judge(self.relay, &[lane], &[refused]).await.map(|settled| tenure(&settled))
    }

    fn act_on(&mut self, refusal: &Refusal) {
        let attempts = self.window.attempts(refusal.seq) + 1;
        let buried = self.is_last_attempt(refusal);
        self.metrics.refused();
        if let Some(event) = self.window.event(refusal.seq) {
            let reason = refusal.reason.as_str();
            if buried {
                tracing::error!(event_id = %event.event_id, topic = %OneLine(&event.topic), attempts, reason,
                    "event moved to the dead letters");
            } else if self.settings.max_attempts <= attempts {
                tracing::error!(event_id = %event.event_id, topic = %OneLine(&event.topic), attempts, reason,
                    "the broker goes on refusing an event, and its ordering key waits");
            } else {
                tracing::warn!(event_id = %event.event_id, topic = %OneLine(&event.topic), attempts, reason,
                    "the broker refused an event; it is tried again");
            }
        }
        if buried {
            self.metrics.buried();
            self.window.buried(refusal.seq);
        } else {
            self.metrics.sends_again(Again::Refusal);
            let pause = pauses(self.settings.retry_delay, LONGEST_RETRY).nth(attempts as usize - 1);
            let retry_at = Instant::now() + pause.unwrap_or(LONGEST_RETRY);
            self.window.refused(refusal.seq, retry_at, refusal.with_batch);
        }
    }

    /// A row that was refused with its batch is tried alone in any case.
    fn is_last_attempt(&self, refusal: &Refusal) -> bool {
        self.settings.gives_up
            && self.settings.max_attempts <= self.window.attempts(refusal.seq) + 1
            && (!refusal.with_batch || self.window.was_alone(refusal.seq))
    }
}
