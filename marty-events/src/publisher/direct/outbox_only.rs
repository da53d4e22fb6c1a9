//! Direct events in a build without the Kafka client: the outbox keeps them all, for a relay elsewhere.

use super::{Journey, keeping::timed_out};
use crate::{EventError, error::cause, event::envelope::Message, observe::Outcome};

/// The reason why an event is kept in the outbox.
pub(super) struct Why;

impl Journey {
    pub(super) fn set_out(self: Box<Self>) {
        if self.direct.fallback.is_some() {
            self.apart(|journey| journey.keep(Why));
        } else {
            self.without_outbox(Why);
        }
    }

    /// There is no outbox.
    pub(super) fn without_outbox(self: Box<Self>, Why: Why) {
        let error = EventError::NoKafkaClient { id: self.message.id, topic: self.message.topic.clone() };
        self.end(Outcome::Failed, Err(error));
    }

    /// The outbox is out of reach.
    pub(super) fn not_kept(self: Box<Self>, Why: Why, refused: EventError) {
        let (id, cause) = (self.message.id, cause(&refused));
        tracing::error!(event_id = %id, error = %refused, cause, "the outbox could not keep a direct event");
        self.end(Outcome::Failed, Err(refused));
    }
}

impl Why {
    pub(super) fn log_kept(self, message: &Message) {
        tracing::debug!(event_id = %message.id, topic = %message.topic, "goes through the outbox");
    }
}

/// The error of an event for which the outbox has no answer in time.
pub(super) fn unanswered(_: &Message) -> EventError {
    timed_out()
}

/// The error of an event whose journey broke off.
pub(super) fn abandoned(_: &Message) -> EventError {
    timed_out()
}
