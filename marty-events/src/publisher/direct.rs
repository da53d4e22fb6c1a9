//! The direct road: to the broker, or else into the outbox.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{
    background::Background,
    journey::{Journey, Waiter},
    outstanding::Place,
};
use crate::{
    EventError,
    config::EventConfig,
    event::message::Message,
    kafka::{self, DirectProducer},
    observe::PublisherMetrics,
    outbox::{OutboxPool, OutboxRepository},
};

/// How many events without a waiting caller are under way at the most; one more is logged, counted and gone.
const MOST_UNATTENDED: usize = 1024;
/// How long a caller waits for the outbox to keep an event that the broker did not take.
const KEPT_WITHIN: Duration = Duration::from_secs(5);
/// The same where no caller waits.
const KEPT_UNATTENDED_WITHIN: Duration = Duration::from_secs(30);

/// How long a caller waits beyond the client's limit and the outbox's, until it is let go without a report.
const GRACE: Duration = Duration::from_secs(5);

/// Everything that a direct event needs on its way.
pub(super) struct Direct {
    pub(super) producer: DirectProducer<Journey>,
    pub(super) background: Background,
    /// The outbox that keeps events which Kafka did not take.
    pub(super) refuge: Option<Refuge>,
    /// Room for events without a waiting caller.
    pub(super) unattended: Arc<Semaphore>,
    /// How long a caller waits, whatever the client and the outbox do.
    pub(super) answered_within: Duration,
    pub(super) metrics: PublisherMetrics,
    /// Whether there are spans.
    pub(super) traces: bool,
}

/// The outbox that keeps events, with connections of its own; connected to when it is first needed.
pub(super) struct Refuge {
    /// For callers that wait, who do not stand in line behind events that nobody waits for.
    pub(super) attended: OutboxRepository,
    pub(super) unattended: OutboxRepository,
    /// An outbox that is locked or out of reach would hold its caller up for longer.
    pub(super) attended_within: Duration,
    pub(super) unattended_within: Duration,
}

impl Direct {
    pub(super) fn new(config: &EventConfig, metrics: PublisherMetrics) -> Result<Arc<Self>, EventError> {
        let producer = DirectProducer::new(config)?;
        let background = Background::start().map_err(|source| EventError::Background { source })?;
        let refuge = Refuge::new(config, &background)?;
        let unattended = Arc::new(Semaphore::new(MOST_UNATTENDED));
        let answered_within = kafka::patience(config).saturating_add(KEPT_WITHIN + GRACE);
        let traces = config.traces();
        Ok(Arc::new(Self { producer, background, refuge, unattended, answered_within, metrics, traces }))
    }

    /// Ends when the broker or the outbox has the event, and at the latest when its time is up. Where this future ends or is
    /// dropped before the event is over, the event goes on.
    pub(super) async fn send(self: &Arc<Self>, message: Arc<Message>, place: Place) -> Result<(), EventError> {
        let (caller, answer) = tokio::sync::oneshot::channel();
        Journey::begin(self, message.clone(), place, Waiter::Caller(caller));
        let answer = {
            // The caller may have no timer of its own.
            let _runtime = self.background.enter();
            tokio::time::timeout(self.answered_within, answer)
        };
        match answer.await {
            // Without an answer the journey broke off; it has said so in the log.
            Ok(answer) => answer.unwrap_or_else(|_| Err(kafka::abandoned(&message))),
            Err(_) => Err(kafka::unanswered(&message)),
        }
    }

    /// Accepts an event that nobody waits for; never blocks.
    pub(super) fn hand_over(self: &Arc<Self>, message: Arc<Message>, place: Place) {
        let Ok(room) = self.unattended.clone().try_acquire_owned() else {
            let (id, topic) = (message.id, message.topic.as_str());
            tracing::error!(event_id = %id, topic, "too many events wait in the background; this one is lost");
            self.metrics.lost(message.kind);
            return;
        };
        let direct = self.clone();
        self.background.spawn(async move { Journey::begin(&direct, message, place, Waiter::Nobody(room)) });
    }
}

impl Refuge {
    fn new(config: &EventConfig, background: &Background) -> Result<Option<Self>, EventError> {
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
