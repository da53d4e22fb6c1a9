//! The direct road: to the broker, or else into the outbox.

mod journey;

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use self::journey::{Journey, Waiter};
use super::{background::Background, kept_keys::KeptKeys, outstanding::Place};
use crate::{
    EventError,
    config::EventConfig,
    error::OneLine,
    event::envelope::Message,
    kafka::{self, Away, DirectProducer, Reach},
    observe::{self, PublisherMetrics},
    outbox::{OutboxPool, OutboxRepository},
};

/// The most events without a waiting caller that are under way; one more is logged, counted and gone.
const MOST_UNATTENDED: usize = 1024;
/// The time that a caller waits for the outbox to keep an event that the broker did not take.
const KEPT_WITHIN: Duration = Duration::from_secs(5);
/// The same where no caller waits.
const KEPT_UNATTENDED_WITHIN: Duration = Duration::from_secs(30);

/// The time that a caller waits beyond the limits of client and outbox, until it is let go without a report.
const GRACE: Duration = Duration::from_secs(5);
/// After this time without an answer to an event, the brokers are asked for the reason.
const LATE: Duration = Duration::from_secs(3);

/// Everything that a direct event needs on its way.
pub(super) struct Direct {
    producer: DirectProducer<Journey>,
    /// Tells if the brokers answer.
    pub(super) reach: Reach,
    /// The time that the client tries to deliver an event. For as long an outage is waited out if nothing keeps events.
    patience: Duration,
    /// Whose events are in the outbox.
    kept: KeptKeys,
    background: Background,
    /// The outbox that keeps events which Kafka did not take.
    pub(super) fallback: Option<Fallback>,
    /// Room for events without a waiting caller.
    unattended: Arc<Semaphore>,
    /// The longest wait of a caller, with any behaviour of client and outbox.
    pub(super) answered_within: Duration,
    metrics: PublisherMetrics,
    /// For questions to the brokers.
    config: EventConfig,
    /// Spans are wanted.
    traces: bool,
}

/// The outbox that keeps events, with connections of its own; connected to when it is first needed.
pub(super) struct Fallback {
    /// For callers that wait, who do not stand in line behind events that nobody waits for.
    pub(super) attended: OutboxRepository,
    pub(super) unattended: OutboxRepository,
    /// An outbox that is locked or out of reach would hold its caller up for longer.
    pub(super) attended_within: Duration,
    pub(super) unattended_within: Duration,
}

impl Direct {
    pub(super) fn new(config: &EventConfig, metrics: PublisherMetrics) -> Result<Arc<Self>, EventError> {
        let reach = Reach::of(config)?;
        let producer = DirectProducer::new(config, reach.clone())?;
        let background = Background::start().map_err(|source| EventError::Background { source })?;
        let fallback = Fallback::new(config, &background)?;
        let unattended = Arc::new(Semaphore::new(MOST_UNATTENDED));
        let patience = kafka::patience(config);
        let answered_within = patience.saturating_add(KEPT_WITHIN + GRACE);
        let traces = config.traces();
        background.spawn(watch(producer.clone(), fallback.is_some(), config.counts(), reach.watch()));
        Ok(Arc::new(Self {
            producer,
            reach,
            patience,
            kept: KeptKeys::default(),
            background,
            fallback,
            unattended,
            answered_within,
            metrics,
            config: config.clone(),
            traces,
        }))
    }

    /// Ends when the broker or the outbox has the event, and at the latest when its time is up. The event goes on after this future has
    /// ended or was dropped.
    pub(super) async fn send(self: &Arc<Self>, message: Arc<Message>, place: Place) -> Result<(), EventError> {
        let (caller, answer) = tokio::sync::oneshot::channel();
        Journey::begin(self, message.clone(), place, Waiter::Caller(caller));
        let mut answer = std::pin::pin!(answer);
        let (soon, at_last) = {
            // The caller may have no timer of its own.
            let _runtime = self.background.enter();
            let soon = tokio::time::timeout(LATE.min(self.answered_within), answer.as_mut());
            (soon, tokio::time::sleep(self.answered_within))
        };
        let answer = if let Ok(answer) = soon.await {
            answer
        } else {
            // A network that swallows everything looks to the client like a slow broker.
            self.reach.ask();
            tokio::select! {
                biased;
                answer = answer => answer,
                () = at_last => return Err(kafka::unanswered(&message)),
            }
        };
        // Without an answer the journey broke off; it has said so in the log.
        answer.unwrap_or_else(|_| Err(kafka::abandoned(&message)))
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

/// Logs the beginning and the end of an outage. At its beginning the events that wait in the client are taken back, so that the outbox
/// keeps them at once.
async fn watch(
    producer: DirectProducer<Journey>,
    keeps: bool,
    counts: bool,
    mut state: tokio::sync::watch::Receiver<Option<Away>>,
) {
    let mut shown = Shown::default();
    let mut was_away = false;
    loop {
        let away = state.borrow_and_update().clone();
        shown.show(counts && away.is_some());
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
#[derive(Default)]
struct Shown {
    is_open: bool,
}

impl Shown {
    fn show(&mut self, is_open: bool) {
        if self.is_open != is_open {
            observe::show_direct_circuit(if is_open { 1.0 } else { -1.0 });
            self.is_open = is_open;
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.show(false);
    }
}

impl Fallback {
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
