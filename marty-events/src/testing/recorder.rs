use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Assertion, RecordedEvent, Route};
use crate::{
    EventError,
    event::{
        envelope::Message,
        source::{Service, Source},
        topic::TopicPattern,
    },
};

tokio::task_local! {
    static CURRENT: EventRecorder;
}

/// Records the events published inside its scope; nothing is sent or inserted there.
///
/// The scope is the task's, so tests in parallel do not see each other; a spawned task is outside, unless its future is
/// put in a scope of a clone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), marty_events::EventError> {
/// use marty_events::{DomainEvent, testing::EventRecorder};
///
/// let recorder = EventRecorder::new();
/// recorder
///     .scope(async { marty_events::publisher()?.publish(DomainEvent::new("user", "user-1", "user_created")).await })
///     .await?;
/// recorder.assert_published("user_created").key("user-1").times(1);
/// recorder.assert_not_published("user_deleted");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct EventRecorder {
    source: Arc<Source>,
    events: Arc<Mutex<Vec<RecordedEvent>>>,
    /// The events that handlers have taken, by the handlers' type and the event's id: the inbox of a test.
    #[cfg(all(feature = "consumer", feature = "_database"))]
    taken: Arc<Mutex<std::collections::HashSet<(&'static str, String)>>>,
}

/// The recorder in whose scope the task is.
pub(crate) fn current() -> Option<EventRecorder> {
    CURRENT.try_with(Clone::clone).ok()
}

impl Default for EventRecorder {
    fn default() -> Self {
        let source = Source {
            service: Service::new("test-service", "0.0.0"),
            takes_any_service: true,
            topic_prefix: "marty".to_owned(),
            domain_topic: TopicPattern::default(),
            schema_base_url: None,
            tracing: true,
        };
        Self {
            source: Arc::new(source),
            events: Arc::default(),
            #[cfg(all(feature = "consumer", feature = "_database"))]
            taken: Arc::default(),
        }
    }
}

impl EventRecorder {
    /// A recorder with the prefix `marty` and the service `test-service`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first segment of the topics; `marty` unless set.
    #[must_use]
    pub fn topic_prefix(mut self, prefix: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.source).topic_prefix = prefix.into();
        self
    }

    /// The service that publishes; `test-service` unless set. With a name, a typed event of another service is refused, as in
    /// the service itself; without one, any is taken.
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        let source = Arc::make_mut(&mut self.source);
        source.service = Service::new(name, &source.service.version);
        source.takes_any_service = false;
        self
    }

    /// Runs `future` and records its events. An inner scope records for itself.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        CURRENT.scope(self.clone(), future).await
    }

    /// The events recorded so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<RecordedEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asserts that an event of this type was published; each further step asserts at once.
    ///
    /// # Panics
    ///
    /// When there is none, with a list of the recorded events.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "it asserts at once")]
    pub fn assert_published(&self, event_type: &str) -> Assertion {
        Assertion::begin(event_type, self.events())
    }

    /// Asserts that no event of this type was published.
    ///
    /// # Panics
    ///
    /// When there is one, with a list of the recorded events.
    #[track_caller]
    pub fn assert_not_published(&self, event_type: &str) {
        Assertion::none(event_type, &self.events());
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn record(&self, message: &Message, route: Route) -> Result<(), EventError> {
        let event = RecordedEvent::new(message, route)
            .map_err(|source| EventError::Serialize { field: "payload".to_owned(), source })?;
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        Ok(())
    }
}

#[cfg(all(feature = "consumer", feature = "_database"))]
impl EventRecorder {
    /// A recorder for one call of a handler, whose events may be rolled back.
    pub(crate) fn of_a_call(&self) -> Self {
        Self { events: Arc::default(), ..self.clone() }
    }

    /// Takes over the events of a call. Events in the transaction of a call that was rolled back are gone with it.
    pub(crate) fn take_over(&self, call: &Self, is_committed: bool) {
        let events = call.events().into_iter().filter(|event| is_committed || event.route == Route::Direct);
        self.events.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
    }

    pub(crate) fn has_taken(&self, handlers: &'static str, event_id: &str) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.contains(&(handlers, event_id.to_owned()))
    }

    pub(crate) fn take(&self, handlers: &'static str, event_id: String) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert((handlers, event_id));
    }
}
