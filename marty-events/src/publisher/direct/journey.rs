//! A direct event from its acceptance to its end, which its caller awaits and cannot stop.
//!
//! Client and background own the event, and the caller has the receiver of an answer. So a caller that gives up leaves nothing half done,
//! at any moment.

use std::{io, mem, sync::Arc, time::Instant};

use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::{Instant as Time, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Dispatch, Instrument, Span, instrument::WithSubscriber};

use super::{super::outstanding::Place, Direct, Fallback};
use crate::{
    EventError,
    error::cause,
    event::envelope::Message,
    kafka::{self, Away, Passenger},
    observe::{self, Outcome},
    outbox::OutboxRepository,
};

/// The number of times that the outbox is asked to keep an event if the asking panics.
const TRIES: usize = 2;

/// An event on its way. If a panic drops it before its end, it is logged and counted as lost.
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

/// The caller that waits for the event, if any.
pub(super) enum Waiter {
    /// A caller, which may have given up.
    Caller(oneshot::Sender<Result<(), EventError>>),
    /// Nobody, so that the event takes up room.
    Nobody(#[allow(dead_code, reason = "held, and given back when it is dropped")] OwnedSemaphorePermit),
    /// The caller has its answer.
    Over,
}

/// Why an event is kept in the outbox.
enum Why {
    /// The broker did not take it.
    Refused(EventError),
    /// The broker is away, and the event was not sent.
    Away(EventError),
    /// An earlier event of its key may be in the outbox still.
    Follows,
}

impl Journey {
    /// Hands the event to the Kafka client, or to the outbox where the broker is known to be away or would have it before an earlier
    /// event of its key.
    pub(super) fn begin(direct: &Arc<Direct>, message: Arc<Message>, place: Place, waiter: Waiter) {
        let journey = Box::new(Self {
            direct: direct.clone(),
            begun: Instant::now(),
            sending: Span::none(),
            surroundings: (Span::current(), tracing::dispatcher::get_default(Dispatch::clone)),
            message,
            waiter,
            place: Some(place),
        });
        match (direct.reach.away(), &direct.fallback) {
            (Some(away), Some(_)) => {
                let error = kafka::not_sent(&journey.message, &away);
                journey.apart(|journey| journey.keep(Why::Away(error)));
            }
            // A short outage is waited out. A later caller does not wait for a long one.
            (Some(away), None) if direct.patience <= away.since.elapsed() => {
                let error = kafka::not_sent(&journey.message, &away);
                journey.end(Outcome::Failed, Err(error));
            }
            (None, Some(_)) if direct.kept.may_hold(&journey.message) => journey.apart(Self::follow),
            _ => journey.send(),
        }
    }

    fn send(mut self: Box<Self>) {
        let direct = self.direct.clone();
        self.sending = observe::send_span(&self.message, direct.traces);
        direct.producer.send(self);
    }

    /// Goes on in the background, with the span and the subscriber of its caller.
    fn apart<F: Future<Output = ()> + Send + 'static>(self: Box<Self>, work: impl FnOnce(Box<Self>) -> F) {
        let (span, log) = self.surroundings.clone();
        let direct = self.direct.clone();
        direct.background.spawn(work(self).instrument(span).with_subscriber(log));
    }

    /// Goes through the outbox where an earlier event of its key is there still, and else to the broker.
    async fn follow(self: Box<Self>) {
        let direct = self.direct.clone();
        match &direct.fallback {
            Some(fallback) if self.is_held(fallback).await => self.keep(Why::Follows).await,
            _ => self.send(),
        }
    }

    async fn is_held(&self, fallback: &Fallback) -> bool {
        let asking = self.direct.kept.holds(&self.message, &fallback.attended);
        timeout_at(Time::now() + fallback.attended_within, asking).await.unwrap_or(true)
    }

    /// Asks the brokers for the rest of the truth: whether a time that ran out was that of a topic which does not exist, and how large an
    /// event the topic takes.
    async fn explain(self: Box<Self>, error: EventError) {
        let (direct, message) = (self.direct.clone(), self.message.clone());
        let error = if kafka::ran_out_of_time(&error) {
            let asked = tokio::task::spawn_blocking(move || direct.producer.is_unknown(&message.topic));
            if asked.await.unwrap_or(false) { kafka::unknown_topic(&self.message) } else { error }
        } else {
            let limit = kafka::longest_message_of(&direct.config, &message.topic).await;
            kafka::too_large(&message, limit)
        };
        self.keep(Why::Refused(error)).await;
    }

    /// Keeps in the outbox an event that is not sent, or that the broker did not take.
    async fn keep(mut self: Box<Self>, why: Why) {
        let direct = self.direct.clone();
        let Some(fallback) = &direct.fallback else {
            return match why {
                Why::Refused(error) | Why::Away(error) => self.end(Outcome::Failed, Err(error)),
                Why::Follows => self.send(),
            };
        };
        direct.kept.add(&self.message);
        if let Err(refused) = self.kept(fallback).await {
            return self.not_kept(why, &refused);
        }
        let (id, topic) = (self.message.id, self.message.topic.as_str());
        match why {
            Why::Refused(error) => {
                tracing::warn!(event_id = %id, topic, %error, "kept in the outbox, to be delivered later");
            }
            // A line for each would tell of one outage thousands of times.
            Why::Away(_) | Why::Follows => tracing::debug!(event_id = %id, topic, "goes through the outbox"),
        }
        // The key is noted before the caller hears of it: the caller's next event must find the key. Without an answer the key stays in
        // its place.
        let within = Time::now() + fallback.attended_within;
        let _ = timeout_at(within, direct.kept.is_kept(&self.message, &fallback.attended)).await;
        self.end(Outcome::Kept, Ok(()));
    }

    /// The outbox is out of reach too. The event goes to the client where that may help: a broker that went away just now may come
    /// back, and an event out of its order is better than none.
    fn not_kept(self: Box<Self>, why: Why, refused: &EventError) {
        let (id, cause) = (self.message.id, cause(refused));
        let is_recent = |away: &Away| away.since.elapsed() < self.direct.patience;
        match why {
            Why::Follows => {
                tracing::warn!(event_id = %id, error = %refused, cause, "the outbox is out of reach; a direct event may overtake others of its key");
                self.send();
            }
            Why::Away(_) if self.direct.reach.away().as_ref().is_none_or(is_recent) => self.send(),
            Why::Refused(error) | Why::Away(error) => {
                tracing::error!(event_id = %id, error = %refused, cause, "the outbox could not keep a direct event either");
                self.end(Outcome::Failed, Err(error));
            }
        }
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
        let Err(error) = answer else { return self.end(Outcome::Accepted, Ok(())) };
        let runs_out = kafka::ran_out_of_time(&error) && self.direct.reach.away().is_none();
        if runs_out || kafka::was_too_large(&error) {
            return self.apart(|journey| journey.explain(error));
        }
        if self.direct.fallback.is_some() {
            let away = self.direct.reach.away();
            let why = match away.filter(|_| kafka::was_taken_back(&error)) {
                Some(away) => Why::Away(kafka::not_sent(&self.message, &away)),
                None => Why::Refused(error),
            };
            return self.apart(|journey| journey.keep(why));
        }
        let (span, log) = self.surroundings.clone();
        tracing::dispatcher::with_default(&log, || span.in_scope(|| self.end(Outcome::Failed, Err(error))));
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
    Err(EventError::Outbox { operation: "keep the event", source: Box::new(sqlx::Error::WorkerCrashed) })
}

fn timed_out() -> EventError {
    EventError::Outbox {
        operation: "keep the event",
        source: Box::new(sqlx::Error::Io(io::ErrorKind::TimedOut.into())),
    }
}
