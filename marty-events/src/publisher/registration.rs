//! The one publisher of a process: registered once, shut down once.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use once_cell::sync::OnceCell;

use super::{EventPublisher, Live, Sink};
use crate::{
    EventError,
    config::EventConfig,
    outbox::{OutboxPool, OutboxRepository},
};

static REGISTERED: OnceCell<Arc<Live>> = OnceCell::new();

/// How long a guard that is dropped without `shutdown` waits.
const DROP_LIMIT: Duration = Duration::from_secs(1);

/// Registers the process's publisher, configured by the environment.
///
/// It makes no connection: a broker that is down at start-up is found by the first event, and waited for by the relay.
///
/// # Errors
///
/// [`EventError::Config`] with all the faults of the environment, [`EventError::AlreadyInitialized`],
/// [`EventError::Kafka`] when the client cannot be made.
pub async fn init() -> Result<Events, EventError> {
    init_with(EventConfig::from_env()?).await
}

/// [`init`] with an explicit configuration.
///
/// # Errors
///
/// As [`init`].
pub async fn init_with(config: EventConfig) -> Result<Events, EventError> {
    if REGISTERED.get().is_some() {
        return Err(EventError::AlreadyInitialized);
    }
    let live = Arc::new(Live::new(&config)?);
    REGISTERED.set(live.clone()).map_err(|_| EventError::AlreadyInitialized)?;
    Ok(Events { live, limit: config.shutdown_timeout(), drained: false })
}

pub(crate) fn current() -> Result<EventPublisher, EventError> {
    let live = REGISTERED.get().ok_or(EventError::NotInitialized)?;
    if live.shut_down.load(Ordering::Acquire) {
        return Err(EventError::ShutDown);
    }
    Ok(EventPublisher(Sink::Live(live.clone())))
}

/// The publisher's life: keep it until the process ends, then [`shutdown`](Self::shutdown).
///
/// Dropped without `shutdown` it waits up to a second for what is under way and logs what is left.
#[must_use = "keep it until the process ends, then call `shutdown`"]
pub struct Events {
    live: Arc<Live>,
    limit: Duration,
    drained: bool,
}

impl Events {
    /// The registered publisher.
    #[must_use]
    pub fn publisher(&self) -> EventPublisher {
        EventPublisher(Sink::Live(self.live.clone()))
    }

    /// Accepts nothing more, and waits until everything that was accepted is acknowledged by the broker.
    ///
    /// Dropping the future leaves the wait to a background thread, which ends within the limit.
    ///
    /// # Errors
    ///
    /// [`EventError::Undelivered`] with the number of events that are not known to be delivered when the limit
    /// (`EVENT_SHUTDOWN_TIMEOUT`, 10 s unless set) is over.
    pub async fn shutdown(mut self) -> Result<(), EventError> {
        self.drained = true;
        let (live, limit) = (self.live.clone(), self.limit);
        let drained = tokio::task::spawn_blocking(move || live.drain(limit)).await;
        match drained {
            Ok(0) => Ok(()),
            Ok(undelivered) => Err(EventError::Undelivered { undelivered, limit }),
            // The runtime is going down and did not run it.
            Err(_) => Err(EventError::Undelivered { undelivered: 0, limit }),
        }
    }
}

impl Live {
    fn drain(&self, limit: Duration) -> usize {
        self.shut_down.store(true, Ordering::Release);
        let begin = Instant::now();
        let unattended = self.background.drain(limit);
        self.direct.producer.flush(limit.saturating_sub(begin.elapsed())).max(unattended)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if self.drained {
            return;
        }
        let left = self.live.drain(DROP_LIMIT);
        if 0 < left {
            tracing::error!(events = left, "dropped without `shutdown`; these events may not be delivered");
        } else {
            tracing::warn!("dropped without `shutdown`; nothing was under way");
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// The outbox that keeps direct events which Kafka did not take; connected to when it is first needed.
pub(super) fn refuge(config: &EventConfig) -> Result<Option<OutboxRepository>, EventError> {
    let Some(url) = config.database_url() else { return Ok(None) };
    let pool = OutboxPool::connect_lazy(url)?;
    Ok(Some(OutboxRepository::new(pool).table(config.outbox_table().clone())))
}
