//! A direct event from its acceptance to its end, which its caller awaits and cannot stop.
//!
//! Client and background own the event, and the caller has the receiver of an answer. So a caller that gives up leaves nothing
//! half done, at whatever moment.

use std::{io, mem, sync::Arc, time::Instant};

use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::{Instant as Time, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Dispatch, Instrument, Span, instrument::WithSubscriber};

use super::{
    direct::{Direct, Refuge},
    outstanding::Place,
};
use crate::{
    EventError,
    error::cause,
    event::message::Message,
    kafka::Passenger,
    observe::{self, Outcome},
    outbox::OutboxRepository,
};

/// How often the outbox is asked to keep an event where the asking panics.
const TRIES: usize = 2;

/// An event on its way. Where it is dropped before its end, by a panic, it is logged and counted as lost.
pub(super) struct Journey {
    direct: Arc<Direct>,
    message: Arc<Message>,
    begun: Instant,
    sending: Span,
    surroundings: (Span, Dispatch),
    waiter: Waiter,
    /// `None` once the event is over.
    place: Option<Place>,
}

/// Who waits for the event.
pub(super) enum Waiter {
    /// A caller, which may have given up.
    Caller(oneshot::Sender<Result<(), EventError>>),
    /// Nobody, so that the event takes up room.
    Nobody(#[allow(dead_code, reason = "held, and given back when it is dropped")] OwnedSemaphorePermit),
    /// The caller has its answer.
    Over,
}

impl Journey {
    /// Hands the event to the Kafka client.
    pub(super) fn begin(direct: &Arc<Direct>, message: Arc<Message>, place: Place, waiter: Waiter) {
        let journey = Self {
            direct: direct.clone(),
            begun: Instant::now(),
            sending: observe::send_span(&message, direct.traces),
            surroundings: (Span::current(), tracing::dispatcher::get_default(Dispatch::clone)),
            message,
            waiter,
            place: Some(place),
        };
        direct.producer.send(Box::new(journey));
    }

    /// Keeps in the outbox an event that the broker did not take, for this `error`.
    async fn keep(mut self: Box<Self>, error: EventError) {
        let direct = self.direct.clone();
        let Some(refuge) = &direct.refuge else { return self.end(Outcome::Failed, Err(error)) };
        if let Err(refused) = self.kept(refuge).await {
            let cause = cause(&refused);
            tracing::error!(event_id = %self.message.id, error = %refused, cause, "the outbox could not keep a direct event either");
            return self.end(Outcome::Failed, Err(error));
        }
        let (id, topic) = (self.message.id, self.message.topic.as_str());
        tracing::warn!(event_id = %id, topic, %error, "kept in the outbox, to be delivered later");
        self.end(Outcome::Kept, Ok(()));
    }

    /// A caller that waits is let go in time. The event of a caller that has gone by then is one that nobody waits for.
    async fn kept(&mut self, refuge: &Refuge) -> Result<(), EventError> {
        let begun = Time::now();
        let deadline = begun + refuge.unattended_within;
        if matches!(self.waiter, Waiter::Nobody(_)) {
            let keeping = keep(&refuge.unattended, &self.message);
            return timeout_at(deadline, keeping).await.unwrap_or_else(|_| Err(timed_out()));
        }
        let message = self.message.clone();
        let mut keeping = std::pin::pin!(keep(&refuge.attended, &message));
        if let Ok(kept) = timeout_at(begun + refuge.attended_within, keeping.as_mut()).await {
            return kept;
        }
        if !self.leave_caller() {
            return Err(timed_out());
        }
        timeout_at(deadline, keeping).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// Whether the caller is gone, and there is room for one event more that nobody waits for.
    fn leave_caller(&mut self) -> bool {
        if let Waiter::Caller(caller) = &self.waiter
            && caller.is_closed()
            && let Ok(room) = self.direct.unattended.clone().try_acquire_owned()
        {
            self.waiter = Waiter::Nobody(room);
        }
        matches!(self.waiter, Waiter::Nobody(_))
    }

    /// Counts the event once, and tells its caller, or the log where nobody hears of a loss.
    fn end(mut self, outcome: Outcome, result: Result<(), EventError>) {
        let place = self.place.take();
        self.direct.metrics.sent(self.message.kind, outcome, self.begun);
        let unheard = match mem::replace(&mut self.waiter, Waiter::Over) {
            Waiter::Caller(caller) => caller.send(result).err(),
            Waiter::Nobody(_) | Waiter::Over => Some(result),
        };
        if let Some(Err(error)) = unheard {
            let cause = cause(&error);
            tracing::error!(event_id = %self.message.id, topic = %self.message.topic, %error, cause, "an event is lost");
        }
        drop(place);
    }
}

impl Passenger for Journey {
    fn message(&self) -> &Arc<Message> {
        &self.message
    }

    fn answered(mut self: Box<Self>, answer: Result<(), EventError>) {
        observe::end(mem::replace(&mut self.sending, Span::none()), &answer);
        let (span, log) = self.surroundings.clone();
        let Err(error) = answer else { return self.end(Outcome::Accepted, Ok(())) };
        if self.direct.refuge.is_none() {
            return tracing::dispatcher::with_default(&log, || span.in_scope(|| self.end(Outcome::Failed, Err(error))));
        }
        let direct = self.direct.clone();
        direct.background.spawn(self.keep(error).instrument(span).with_subscriber(log));
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.direct.metrics.sent(self.message.kind, Outcome::Failed, self.begun);
            let (id, topic) = (self.message.id, self.message.topic.as_str());
            tracing::error!(event_id = %id, topic, error = "its delivery broke off", "an event is lost");
        }
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
    Err(EventError::Outbox { operation: "keep the event", source: sqlx::Error::WorkerCrashed })
}

fn timed_out() -> EventError {
    EventError::Outbox { operation: "keep the event", source: sqlx::Error::Io(io::ErrorKind::TimedOut.into()) }
}
