//! The direct road: to the broker, or else into the outbox.

use std::{
    io,
    time::{Duration, Instant},
};

use tracing::Instrument;

use crate::{
    EventError,
    error::cause,
    event::message::Message,
    kafka::DirectProducer,
    observe::{self, Outcome, PublisherMetrics},
    outbox::OutboxRepository,
};

pub(super) use crate::kafka::Delivery;

/// What a direct event needs on its way.
#[derive(Clone)]
pub(super) struct Direct {
    pub(super) producer: DirectProducer,
    /// Where an event is kept that Kafka did not take.
    pub(super) refuge: Option<OutboxRepository>,
    /// How long the outbox may take to keep it: one that is locked or out of reach would hold its caller up for longer.
    pub(super) kept_within: Duration,
    pub(super) metrics: PublisherMetrics,
    /// Whether there are spans.
    pub(super) traces: bool,
}

impl Direct {
    /// Sees an event that was recorded at `begun` to its end, from where `delivery` has begun. Ends when the broker or the
    /// outbox has it.
    pub(super) async fn finish(
        &self,
        message: &Message,
        delivery: Option<Delivery>,
        begun: Instant,
    ) -> Result<(), EventError> {
        let span = observe::send_span(message, self.traces);
        let delivery = delivery.map_or_else(|| self.producer.begin(message), Ok);
        let sent = match delivery {
            Ok(delivery) => delivery.done(message).instrument(span.clone()).await,
            Err(error) => Err(error),
        };
        observe::end(span, &sent);
        self.settle(message, sent, begun).await
    }

    /// Keeps in the outbox what the broker did not take.
    pub(super) async fn settle(
        &self,
        message: &Message,
        sent: Result<(), EventError>,
        begun: Instant,
    ) -> Result<(), EventError> {
        let ended = |outcome| self.metrics.sent(message.kind, outcome, begun);
        let Err(error) = sent else {
            ended(Outcome::Accepted);
            return Ok(());
        };
        let Some(refuge) = &self.refuge else {
            ended(Outcome::Failed);
            return Err(error);
        };
        // Boxed, because it is rare and large: every future that publishes would carry it.
        if let Err(refused) = Box::pin(self.keep(refuge, message)).await {
            let cause = cause(&refused);
            tracing::error!(event_id = %message.id, error = %refused, cause, "the outbox could not keep a direct event either");
            ended(Outcome::Failed);
            return Err(error);
        }
        tracing::warn!(event_id = %message.id, topic = %message.topic, %error, "kept in the outbox, to be delivered later");
        ended(Outcome::Kept);
        Ok(())
    }

    async fn keep(&self, refuge: &OutboxRepository, message: &Message) -> Result<(), EventError> {
        tokio::time::timeout(self.kept_within, refuge.keep(message)).await.unwrap_or_else(|_| {
            let source = sqlx::Error::Io(io::ErrorKind::TimedOut.into());
            Err(EventError::Outbox { operation: "keep the event", source })
        })
    }
}
