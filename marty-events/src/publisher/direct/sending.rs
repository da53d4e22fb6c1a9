//! The way to the broker.

use std::{mem, sync::Arc};

use tracing::Span;

use super::Journey;
pub(super) use crate::kafka::{abandoned, unanswered};
use crate::{
    EventError,
    error::OneLine,
    event::envelope::Message,
    kafka::{self, Away, DirectProducer, Passenger},
    observe::{self, Outcome, PublisherMetrics},
};

/// The reason why an event is kept in the outbox.
pub(super) enum Why {
    /// The broker did not take it.
    Refused(EventError),
    /// The broker is away, and the event was not sent.
    Away(EventError),
    /// An earlier event of its key may be in the outbox still.
    #[cfg(feature = "_database")]
    Follows,
}

impl Journey {
    /// Goes to the Kafka client, or to the outbox where the broker is known to be away or would have the event before an earlier one of its
    /// key.
    pub(super) fn set_out(self: Box<Self>) {
        match self.direct.reach.away() {
            Some(away) if self.direct.keeps() => {
                let error = kafka::not_sent(&self.message, &away);
                self.apart(|journey| journey.keep(Why::Away(error)));
            }
            // A short outage is waited out. A later caller does not wait for a long one.
            Some(away) if self.direct.patience <= away.since.elapsed() => {
                let error = kafka::not_sent(&self.message, &away);
                self.end(Outcome::Failed, Err(error));
            }
            #[cfg(feature = "_database")]
            None if self.direct.keeps() && self.direct.kept.may_hold(&self.message) => self.apart(Self::follow),
            _ => self.send(),
        }
    }

    fn send(mut self: Box<Self>) {
        let direct = self.direct.clone();
        self.sending = observe::send_span(&self.message, direct.traces);
        direct.producer.send(self);
    }

    /// Goes through the outbox where an earlier event of its key is there still, and else to the broker.
    #[cfg(feature = "_database")]
    async fn follow(self: Box<Self>) {
        let direct = self.direct.clone();
        match &direct.fallback {
            Some(fallback) if self.is_held(fallback).await => self.keep(Why::Follows).await,
            _ => self.send(),
        }
    }

    #[cfg(feature = "_database")]
    async fn is_held(&self, fallback: &super::Fallback) -> bool {
        let asking = self.direct.kept.holds(&self.message, &fallback.attended);
        tokio::time::timeout_at(tokio::time::Instant::now() + fallback.attended_within, asking).await.unwrap_or(true)
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

    /// There is no outbox.
    pub(super) fn without_outbox(self: Box<Self>, why: Why) {
        match why {
            Why::Refused(error) | Why::Away(error) => self.end(Outcome::Failed, Err(error)),
            #[cfg(feature = "_database")]
            Why::Follows => self.send(),
        }
    }

    #[cfg(not(feature = "_database"))]
    #[expect(clippy::unused_async, reason = "an outbox would be waited for")]
    async fn keep(self: Box<Self>, why: Why) {
        self.without_outbox(why);
    }

    /// The outbox is out of reach too. The event goes to the client where that may help: a broker that went away just now may come
    /// back, and an event out of its order is better than none.
    #[cfg(feature = "_database")]
    #[expect(clippy::needless_pass_by_value, reason = "a build without the Kafka client answers it")]
    pub(super) fn not_kept(self: Box<Self>, why: Why, refused: EventError) {
        let (id, cause) = (self.message.id, crate::error::cause(&refused));
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
}

#[cfg(feature = "_database")]
impl Why {
    pub(super) fn log_kept(self, message: &Message) {
        let (id, topic) = (message.id, message.topic.as_str());
        match self {
            Self::Refused(error) => {
                tracing::warn!(event_id = %id, topic, %error, "kept in the outbox, to be delivered later");
            }
            // A line for each would tell of one outage thousands of times.
            Self::Away(_) | Self::Follows => tracing::debug!(event_id = %id, topic, "goes through the outbox"),
        }
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
        if self.direct.keeps() {
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

/// Logs the beginning and the end of an outage. At its beginning the events that wait in the client are taken back, so that the outbox
/// keeps them at once.
pub(super) async fn watch(
    producer: DirectProducer<Journey>,
    keeps: bool,
    metrics: PublisherMetrics,
    mut state: tokio::sync::watch::Receiver<Option<Away>>,
) {
    let mut shown = Shown { metrics, is_open: false };
    let mut was_away = false;
    loop {
        let away = state.borrow_and_update().clone();
        shown.show(away.is_some());
        match &away {
            Some(Away { reason, .. }) if keeps => {
                tracing::warn!(reason = %OneLine(reason), "the broker is away; direct events go into the outbox at once");
                producer.purge();
            }
            Some(Away { reason, .. }) => {
                tracing::warn!(reason = %OneLine(reason), "the broker is away; direct events fail once it has been away for long");
            }
            None if was_away => tracing::info!("the broker is back; direct events go to it"),
            None => {}
        }
        was_away = away.is_some();
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// This publisher's part of the gauge; taken back with it.
struct Shown {
    metrics: PublisherMetrics,
    is_open: bool,
}

impl Shown {
    fn show(&mut self, is_open: bool) {
        if self.is_open != is_open {
            self.metrics.show_away(if is_open { 1.0 } else { -1.0 });
            self.is_open = is_open;
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.show(false);
    }
}
