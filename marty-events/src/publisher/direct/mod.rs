//! The direct route: to the broker, or else into the outbox.

mod journey;
#[cfg(feature = "_database")]
mod keeping;
#[cfg_attr(not(feature = "kafka"), path = "outbox_only.rs")]
mod sending;

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use self::journey::{Journey, Waiter};
#[cfg(feature = "_database")]
pub(super) use self::keeping::Fallback;
use self::sending::{Why, abandoned, unanswered};
#[cfg(all(feature = "kafka", feature = "_database"))]
use super::kept_keys::KeptKeys;
use super::{background::Background, outstanding::Place};
#[cfg(feature = "kafka")]
use crate::kafka::{self, DirectProducer, Reach};
use crate::{EventError, config::EventConfig, event::envelope::Message, observe::PublisherMetrics};

/// The most events without a waiting caller that are under way; one more is logged, counted and gone.
const MOST_UNATTENDED: usize = 1024;
/// The time that a caller waits for the outbox to keep an event that the broker did not take.
const KEPT_WITHIN: Duration = Duration::from_secs(5);
/// The time that a caller waits beyond the limits of client and outbox, until it is let go without a report.
const GRACE: Duration = Duration::from_secs(5);
/// After this time without an answer to an event, the brokers are asked for the reason.
const LATE: Duration = Duration::from_secs(3);

/// Everything that a direct event needs on its way.
pub(super) struct Direct {
    #[cfg(feature = "kafka")]
    producer: DirectProducer<Journey>,
    /// Tells if the brokers answer.
    #[cfg(feature = "kafka")]
    reach: Reach,
    /// The time that the client tries to deliver an event. For as long an outage is waited out if nothing keeps events.
    #[cfg(feature = "kafka")]
    patience: Duration,
    /// Whose events are in the outbox.
    #[cfg(all(feature = "kafka", feature = "_database"))]
    kept: KeptKeys,
    background: Background,
    /// The outbox that keeps events which Kafka did not take.
    #[cfg(feature = "_database")]
    pub(super) fallback: Option<Fallback>,
    /// Room for events without a waiting caller.
    unattended: Arc<Semaphore>,
    /// The longest wait of a caller, with any behaviour of client and outbox.
    pub(super) answered_within: Duration,
    metrics: PublisherMetrics,
    /// For questions to the brokers.
    #[cfg(feature = "kafka")]
    config: EventConfig,
    /// Spans are wanted.
    #[cfg(feature = "kafka")]
    traces: bool,
}

impl Direct {
    #[cfg(feature = "kafka")]
    pub(super) fn new(config: &EventConfig, metrics: PublisherMetrics) -> Result<Arc<Self>, EventError> {
        let reach = Reach::of(config)?;
        let producer = DirectProducer::new(config, reach.clone())?;
        let background = Background::start().map_err(|source| EventError::Background { source })?;
        #[cfg(feature = "_database")]
        let fallback = Fallback::new(config, &background)?;
        let patience = kafka::patience(config);
        let direct = Arc::new(Self {
            producer: producer.clone(),
            reach: reach.clone(),
            patience,
            #[cfg(feature = "_database")]
            kept: KeptKeys::default(),
            background,
            #[cfg(feature = "_database")]
            fallback,
            unattended: Arc::new(Semaphore::new(MOST_UNATTENDED)),
            answered_within: patience.saturating_add(KEPT_WITHIN + GRACE),
            metrics: metrics.clone(),
            config: config.clone(),
            traces: config.traces(),
        });
        direct.background.spawn(sending::watch(producer, direct.keeps(), metrics, reach.watch()));
        Ok(direct)
    }

    #[cfg(not(feature = "kafka"))]
    pub(super) fn new(config: &EventConfig, metrics: PublisherMetrics) -> Result<Arc<Self>, EventError> {
        let background = Background::start().map_err(|source| EventError::Background { source })?;
        Ok(Arc::new(Self {
            fallback: Fallback::new(config, &background)?,
            background,
            unattended: Arc::new(Semaphore::new(MOST_UNATTENDED)),
            answered_within: KEPT_WITHIN + GRACE,
            metrics,
        }))
    }

    /// Since when the brokers are away, if they are.
    #[cfg(feature = "kafka")]
    pub(super) fn away(&self) -> Option<kafka::Away> {
        self.reach.away()
    }

    /// There is an outbox that keeps events.
    fn keeps(&self) -> bool {
        #[cfg(feature = "_database")]
        return self.fallback.is_some();
        #[cfg(not(feature = "_database"))]
        false
    }

    /// Ends when the broker or the outbox has the event, and at the latest when its time is up. The event goes on after this future has
    /// ended or was dropped.
    pub(super) async fn send(self: &Arc<Self>, message: Arc<Message>, place: Place) -> Result<(), EventError> {
        let (caller, answer) = tokio::sync::oneshot::channel();
        Journey::begin(self, message.clone(), place, Waiter::Caller(caller));
        let mut answer = std::pin::pin!(answer);
        let soon = {
            // The caller may have no timer of its own.
            let _runtime = self.background.enter();
            tokio::time::timeout(LATE.min(self.answered_within), answer.as_mut())
        };
        let answer = if let Ok(answer) = soon.await {
            answer
        } else {
            // A network that swallows everything looks to the client like a slow broker.
            #[cfg(feature = "kafka")]
            self.reach.ask();
            let at_last = {
                let _runtime = self.background.enter();
                tokio::time::sleep(self.answered_within.saturating_sub(LATE))
            };
            tokio::select! {
                biased;
                answer = answer => answer,
                () = at_last => return Err(unanswered(&message)),
            }
        };
        // Without an answer the journey broke off; it has said so in the log.
        answer.unwrap_or_else(|_| Err(abandoned(&message)))
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
