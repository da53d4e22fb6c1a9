//! A direct event from its acceptance to its end, which its caller awaits and cannot stop.
//!
//! Client and background own the event, and the caller has the receiver of an answer. So a caller that gives up leaves nothing half done,
//! at any moment.

use std::{mem, sync::Arc, time::Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::{Dispatch, Instrument, Span, instrument::WithSubscriber};

use super::{super::outstanding::Place, Direct};
use crate::{EventError, error::cause, event::envelope::Message, observe::Outcome};

/// An event on its way. If a panic drops it before its end, it is logged and counted as lost.
pub(super) struct Journey {
    pub(super) direct: Arc<Direct>,
    pub(super) message: Arc<Message>,
    begun: Instant,
    pub(super) sending: Span,
    pub(super) surroundings: (Span, Dispatch),
    pub(super) waiter: Waiter,
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
        journey.set_out();
    }

    /// Goes on in the background, with the span and the subscriber of its caller.
    pub(super) fn apart<F: Future<Output = ()> + Send + 'static>(self: Box<Self>, work: impl FnOnce(Box<Self>) -> F) {
        let (span, log) = self.surroundings.clone();
        let direct = self.direct.clone();
        direct.background.spawn(work(self).instrument(span).with_subscriber(log));
    }

    /// Counts the event once, and tells its caller, or the log where nobody hears of a loss.
    pub(super) fn end(mut self, outcome: Outcome, result: Result<(), EventError>) {
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

impl Drop for Journey {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.direct.metrics.sent(self.message.kind, Outcome::Failed, self.begun);
            let (id, topic) = (self.message.id, self.message.topic.as_str());
            tracing::error!(event_id = %id, topic, error = "its delivery broke off", "an event is lost");
        }
    }
}
