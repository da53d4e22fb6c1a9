//! The one publisher of a process: registered once, shut down once.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{EventPublisher, Sink, live::Live};
use crate::{EventError, config::EventConfig};

static REGISTERED: OnceLock<Arc<Live>> = OnceLock::new();

/// The longest wait of a guard that is dropped without `shutdown`.
const DROP_LIMIT: Duration = Duration::from_secs(1);

/// Registers the process's publisher, configured by the environment.
///
/// Runs on any executor. It makes no connection: a broker that is down at start-up is found by the first event, and waited for by the relay.
///
/// # Errors
///
/// [`EventError::Config`] with all the faults of the environment, [`EventError::AlreadyInitialized`],
/// [`EventError::Kafka`] when the client cannot be made.
pub async fn init() -> Result<EventsGuard, EventError> {
    init_with(EventConfig::from_env()?).await
}

/// [`init`] with an explicit configuration.
///
/// # Errors
///
/// As [`init`].
pub async fn init_with(config: EventConfig) -> Result<EventsGuard, EventError> {
    if REGISTERED.get().is_some() {
        return Err(EventError::AlreadyInitialized);
    }
    let live = Arc::new(Live::new(&config)?);
    REGISTERED.set(live.clone()).map_err(|_| EventError::AlreadyInitialized)?;
    #[cfg(feature = "catalogue")]
    tell_direct_domain_events(config.service_name());
    Ok(EventsGuard::of(live, config.shutdown_timeout()))
}

/// Says once which domain events may get lost between the database and Kafka.
#[cfg(feature = "catalogue")]
fn tell_direct_domain_events(service: &str) {
    let events = crate::event::catalogue::direct_domain_events(service);
    if !events.is_empty() {
        tracing::info!(events = events.join(", "), "domain events that are published without a transaction");
    }
}

pub(crate) fn current() -> Result<EventPublisher, EventError> {
    let live = REGISTERED.get().ok_or(EventError::NotInitialized)?;
    if live.outstanding.is_closed() {
        return Err(EventError::ShutDown);
    }
    Ok(EventPublisher(Sink::Live(live.clone())))
}

/// The publisher's life: keep it until the process ends, then [`shutdown`](Self::shutdown).
///
/// Dropped without `shutdown` it waits up to a second for events under way, and logs those that are left.
#[must_use = "keep it until the process ends, then call `shutdown`"]
pub struct EventsGuard {
    live: Arc<Live>,
    limit: Duration,
    drained: bool,
}

impl EventsGuard {
    pub(super) fn of(live: Arc<Live>, limit: Duration) -> Self {
        Self { live, limit, drained: false }
    }

    /// The registered publisher.
    #[must_use]
    pub fn publisher(&self) -> EventPublisher {
        EventPublisher(Sink::Live(self.live.clone()))
    }

    /// Accepts nothing more, and waits until every direct event that was accepted is acknowledged by the broker, kept in the
    /// outbox or reported as lost, also where its caller still waits. Runs on any executor.
    ///
    /// Dropping the future leaves the wait to a background thread, which ends within the limit.
    ///
    /// # Errors
    ///
    /// [`EventError::Undelivered`] with the number of events that are not known to be delivered or kept when the limit
    /// (`EVENT_SHUTDOWN_TIMEOUT`, 10 s unless set) is over. [`EventError::Background`] when no thread can be had for the wait.
    pub async fn shutdown(mut self) -> Result<(), EventError> {
        self.drained = true;
        let (live, limit) = (self.live.clone(), self.limit);
        live.outstanding.close();
        let (tell, left) = oneshot::channel();
        let waiting = live.clone();
        thread::Builder::new()
            .name("marty-events shutdown".to_owned())
            .spawn(move || tell.send(waiting.drain(limit)))
            .map_err(|source| EventError::Background { source })?;
        match left.await.unwrap_or_else(|_| live.outstanding.len()) {
            0 => Ok(()),
            undelivered => Err(EventError::Undelivered { undelivered, limit }),
        }
    }
}

impl Drop for EventsGuard {
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

impl fmt::Debug for EventsGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("limit", &self.limit).finish_non_exhaustive()
    }
}
