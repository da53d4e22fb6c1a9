//! The outbox that keeps direct events.

use std::{io, sync::Arc, time::Duration};

use tokio::time::{Instant as Time, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, instrument::WithSubscriber};

use super::{super::background::Background, Journey, KEPT_WITHIN, Why, journey::Waiter};
use crate::{
    EventError,
    config::EventConfig,
    event::envelope::Message,
    observe::Outcome,
    outbox::{OutboxPool, OutboxRepository},
};

/// The time that the outbox may take for an event that no caller waits for.
const KEPT_UNATTENDED_WITHIN: Duration = Duration::from_secs(30);
/// The number of times that the outbox is asked to keep an event if the asking panics.
const TRIES: usize = 2;

/// The outbox that keeps events, with connections of its own; connected to when it is first needed.
pub(in crate::publisher) struct Fallback {
    /// For callers that wait, who do not stand in line behind events that nobody waits for.
    pub(in crate::publisher) attended: OutboxRepository,
    pub(in crate::publisher) unattended: OutboxRepository,
    /// An outbox that is locked or out of reach would hold its caller up for longer.
    pub(in crate::publisher) attended_within: Duration,
    pub(in crate::publisher) unattended_within: Duration,
}

impl Fallback {
    pub(super) fn new(config: &EventConfig, background: &Background) -> Result<Option<Self>, EventError> {
        let Some(url) = config.database_url() else { return Ok(None) };
        let _runtime = background.enter();
        let outbox = || {
            let pool = OutboxPool::connect_lazy(url)?;
            Ok::<_, EventError>(OutboxRepository::new(pool).table(config.outbox_table().clone()))
        };
        Ok(Some(Self {
            attended: outbox()?,
            unattended: outbox()?,
            attended_within: KEPT_WITHIN,
            unattended_within: KEPT_UNATTENDED_WITHIN,
        }))
    }
}

impl Journey {
    /// Keeps in the outbox an event that is not sent, or that the broker did not take.
    pub(super) async fn keep(mut self: Box<Self>, why: Why) {
        let direct = self.direct.clone();
        let Some(fallback) = &direct.fallback else { return self.without_outbox(why) };
        #[cfg(feature = "kafka")]
        direct.kept.add(&self.message);
        if let Err(refused) = self.kept(fallback).await {
            return self.not_kept(why, refused);
        }
        why.log_kept(&self.message);
        #[cfg(feature = "kafka")]
        {
            // The key is noted before the caller hears of it: the caller's next event must find the key. Without an answer the key stays
            // in its place.
            let within = Time::now() + fallback.attended_within;
            let _ = timeout_at(within, direct.kept.is_kept(&self.message, &fallback.attended)).await;
        }
        self.end(Outcome::Kept, Ok(()));
    }

    /// A caller that waits is let go in time. The event of a caller that has gone by then is one that nobody waits for.
    async fn kept(&mut self, fallback: &Fallback) -> Result<(), EventError> {
        let begun = Time::now();
        let deadline = begun + fallback.unattended_within;
        if matches!(self.waiter, Waiter::Nobody(_)) {
            let keeping = keep(&fallback.unattended, &self.message);
            return timeout_at(deadline, keeping).await.unwrap_or_else(|_| Err(timed_out()));
        }
        let message = self.message.clone();
        let mut keeping = std::pin::pin!(keep(&fallback.attended, &message));
        if let Ok(kept) = timeout_at(begun + fallback.attended_within, keeping.as_mut()).await {
            return kept;
        }
        if !self.leave_caller() {
            return Err(timed_out());
        }
        timeout_at(deadline, keeping).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// The caller is gone, and there is room for one event more that nobody waits for.
    fn leave_caller(&mut self) -> bool {
        if let Waiter::Caller(caller) = &self.waiter
            && caller.is_closed()
            && let Ok(room) = self.direct.unattended.clone().try_acquire_owned()
        {
            self.waiter = Waiter::Nobody(room);
        }
        matches!(self.waiter, Waiter::Nobody(_))
    }
}

/// Keeps the event in a task of its own, and again where that panics: under the same id, so that consumers know it again if
/// both have kept it.
async fn keep(outbox: &OutboxRepository, message: &Arc<Message>) -> Result<(), EventError> {
    for _ in 0..TRIES {
        let (outbox, message) = (outbox.clone(), message.clone());
        let id = message.id;
        let keeping =
            tokio::spawn(async move { outbox.keep(&message).await }.in_current_span().with_current_subscriber());
        match AbortOnDropHandle::new(keeping).await {
            Ok(kept) => return kept,
            Err(error) => {
                tracing::error!(event_id = %id, is_panic = error.is_panic(), "keeping a direct event broke off");
            }
        }
    }
    Err(EventError::Outbox { operation: "keep the event", source: Box::new(sqlx::Error::WorkerCrashed) })
}

pub(super) fn timed_out() -> EventError {
    EventError::Outbox {
        operation: "keep the event",
        source: Box::new(sqlx::Error::Io(io::ErrorKind::TimedOut.into())),
    }
}
