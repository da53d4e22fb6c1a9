//! The ways of an event out of the process: the registered publisher, and its two routes.

mod annotated;
#[cfg(feature = "_publisher")]
mod background;
#[cfg(feature = "_publisher")]
mod direct;
#[cfg(feature = "_database")]
mod enqueue;
#[cfg(all(feature = "kafka", feature = "_database"))]
mod kept_keys;
#[cfg(feature = "_publisher")]
mod live;
mod outstanding;
#[cfg(feature = "_publisher")]
mod registration;
#[cfg(test)]
#[cfg(all(feature = "kafka", feature = "sqlite"))]
mod tests;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod unwritable;
#[cfg(test)]
#[cfg(all(feature = "sqlite", not(feature = "kafka")))]
mod without_kafka;

use std::{fmt, sync::Arc};

use uuid::Uuid;

#[cfg(feature = "_database")]
pub(crate) use annotated::Writing;
pub(crate) use annotated::{log, record_direct, record_failure};
#[cfg(feature = "_publisher")]
pub use registration::{EventsGuard, init, init_with};

use crate::{
    Event, EventError,
    event::{EventKind, envelope::Message},
};
#[cfg(feature = "_database")]
use crate::{OutboxConnection, OutboxTransaction};

/// Publishes events; a cheap clone of the one that `init` registered.
///
/// ```no_run
/// # async fn example(mut tx: sqlx::Transaction<'_, sqlx::Postgres>) -> Result<(), marty_events::EventError> {
/// use marty_events::{AuditEvent, AuditEventType, DomainEvent};
///
/// let publisher = marty_events::publisher()?;
/// publisher.publish_in(&mut tx, DomainEvent::new("user", "user-123", "user_created")).await?;
/// publisher.publish(AuditEvent::new(AuditEventType::DataAccessed, "export", "user")).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct EventPublisher(Sink);

/// The destination of events.
#[derive(Clone)]
enum Sink {
    /// Kafka and the outbox.
    #[cfg(feature = "_publisher")]
    Live(Arc<live::Live>),
    /// A test's recorder.
    #[cfg(feature = "testing")]
    Recorder(crate::testing::EventRecorder),
}

/// One expression for each destination of events.
macro_rules! at {
    ($publisher:expr, $live:pat => $sent:expr, $recorder:pat => $recorded:expr) => {
        match &$publisher.0 {
            #[cfg(feature = "_publisher")]
            Sink::Live($live) => $sent,
            #[cfg(feature = "testing")]
            Sink::Recorder($recorder) => $recorded,
        }
    };
}

/// A direct event that a shutdown waits for.
struct Accepted {
    message: Arc<Message>,
    /// Nothing in a test's scope.
    place: Option<outstanding::Place>,
}

/// The registered publisher.
///
/// # Errors
///
/// [`EventError::NotInitialized`] before `init`, [`EventError::ShutDown`] after `EventsGuard::shutdown`.
pub fn publisher() -> Result<EventPublisher, EventError> {
    #[cfg(feature = "testing")]
    if let Some(recorder) = crate::testing::current() {
        return Ok(EventPublisher(Sink::Recorder(recorder)));
    }
    #[cfg(feature = "_publisher")]
    let publisher = registration::current();
    #[cfg(not(feature = "_publisher"))]
    let publisher = Err(EventError::NotInitialized);
    publisher
}

impl EventPublisher {
    /// A publisher beside the registered one: for a process that publishes for several services, and for tests.
    ///
    /// Annotated methods use the registered one only. It makes no connection yet.
    ///
    /// # Errors
    ///
    /// [`EventError::Kafka`] when the client cannot be made.
    #[cfg(feature = "_publisher")]
    pub fn new(config: &crate::EventConfig) -> Result<Self, EventError> {
        Ok(Self(Sink::Live(Arc::new(live::Live::new(config)?))))
    }

    /// Sends one event to Kafka now, outside any transaction, and waits for the broker's acknowledgement; answers the event's id. With an
    /// outbox database (`DATABASE_URL`), an event that the broker does not take is kept there, and a relay delivers it later.
    ///
    /// A build without the feature `kafka` keeps every direct event in that outbox.
    ///
    /// Runs on any executor. Dropping the future does not take the event back: once it was polled, the event is delivered or kept as if
    /// its caller still waited.
    ///
    /// # Errors
    ///
    /// [`EventError::Delivery`] if the broker did not take it and no outbox kept it; [`EventError::NoKafkaClient`] without the feature
    /// `kafka` and without that outbox; [`EventError::ShutDown`]; and the faults of the event itself ([`EventError::InvalidEvent`],
    /// [`EventError::InvalidTopic`], [`EventError::Serialize`], [`EventError::TooLarge`]). An event with a fault is not sent.
    pub async fn publish(&self, event: impl Into<Event>) -> Result<Uuid, EventError> {
        let accepted = self.accept(self.complete(event.into())?)?;
        let id = accepted.message.id;
        self.send(accepted).await?;
        Ok(id)
    }

    /// Writes one event in the caller's transaction; answers the event's id. It is delivered if, and only if, that
    /// transaction commits.
    ///
    /// Dropping the future may leave the event written or not; roll the transaction back then.
    ///
    /// # Errors
    ///
    /// [`EventError::Outbox`] when the database refused; the transaction must be rolled back then.
    /// [`EventError::OutboxTableMissing`] says how to make the table.
    #[cfg(feature = "_database")]
    pub async fn publish_in<T>(&self, transaction: &mut T, event: impl Into<Event>) -> Result<Uuid, EventError>
    where
        T: OutboxTransaction + ?Sized,
    {
        let message = self.complete(event.into())?;
        let id = message.id;
        self.append(&mut { transaction }, vec![message]).await?;
        Ok(id)
    }

    /// Writes events in the caller's transaction, in their order, in one round trip; answers their ids.
    ///
    /// Dropping the future, and errors: as [`publish_in`](Self::publish_in).
    #[cfg(feature = "_database")]
    pub async fn publish_all_in<T, I>(&self, transaction: &mut T, events: I) -> Result<Vec<Uuid>, EventError>
    where
        T: OutboxTransaction + ?Sized,
        I: IntoIterator,
        I::Item: Into<Event>,
    {
        let messages = events
            .into_iter()
            .map(|event| self.complete(event.into()))
            .collect::<Result<Vec<Message>, EventError>>()?;
        let ids = messages.iter().map(|message| message.id).collect();
        self.append(&mut { transaction }, messages).await?;
        Ok(ids)
    }

    /// The Kafka bootstrap list in use: the configured one, or the in-process broker's address. Empty in a test's scope.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        at!(self, live => &live.bootstrap, _ => "")
    }

    /// Since when no broker has answered this process, by any of its producers; for a health check. While there is an outage, a direct event
    /// goes into the outbox at once where `DATABASE_URL` names one. Nothing in a test's scope.
    #[must_use]
    #[cfg(feature = "kafka")]
    pub fn broker_away_since(&self) -> Option<jiff::Timestamp> {
        at!(self, live => live.direct.away().map(|away| away.at), _ => None)
    }

    pub(crate) fn complete(&self, event: Event) -> Result<Message, EventError> {
        at!(self, live => live.complete(event), recorder => recorder.source().message(event))
    }

    /// Accepts a direct event of an annotated method. One that cannot be is counted: its caller may not hear of it.
    fn accept_counted(&self, event: Event) -> Result<Accepted, EventError> {
        let kind = event.kind();
        self.counted(kind, self.complete(event).and_then(|message| self.accept(message)))
    }

    /// Accepts the record of a failure, made to fit where it has to be.
    fn accept_failure(&self, event: Event) -> Result<Accepted, EventError> {
        let (kind, event) = (event.kind(), event.escaped());
        let message = at!(self, live => live.complete_failure(event), recorder => recorder.source().message(event));
        self.counted(kind, message.and_then(|message| self.accept(message)))
    }

    fn counted(&self, kind: EventKind, accepted: Result<Accepted, EventError>) -> Result<Accepted, EventError> {
        let _ = kind;
        accepted.inspect_err(|_| at!(self, live => live.metrics.lost(kind), _ => ()))
    }

    #[cfg(feature = "_database")]
    async fn append(&self, transaction: &mut dyn OutboxTransaction, messages: Vec<Message>) -> Result<(), EventError> {
        let connection = if self.needs_connection() { Some(transaction.connection()) } else { None };
        self.append_on(connection, messages).await
    }

    /// False in a test's scope, and where the configuration accepts that events are sent before the commit.
    #[cfg(feature = "_database")]
    fn needs_connection(&self) -> bool {
        at!(self, live => live.needs_connection(), _ => false)
    }

    /// Writes events on the connection of the caller's transaction, which is there if it is [needed](Self::needs_connection).
    #[cfg(feature = "_database")]
    async fn append_on(
        &self,
        connection: Option<OutboxConnection<'_>>,
        messages: Vec<Message>,
    ) -> Result<(), EventError> {
        at!(self,
            live => live.append(connection, messages).await,
            recorder => messages.iter().try_for_each(|message| recorder.record(message, crate::testing::Route::Outbox)))
    }

    /// Counts a direct event, so that a shutdown waits for it.
    fn accept(&self, message: Message) -> Result<Accepted, EventError> {
        let place = at!(self, live => Some(live.outstanding.accept().ok_or(EventError::ShutDown)?), _ => None);
        Ok(Accepted { message: Arc::new(message), place })
    }

    /// Sends an event that nobody waits for.
    fn hand_over(&self, accepted: Accepted) {
        at!(self,
        live => accepted.place.into_iter().for_each(|place| live.direct.hand_over(accepted.message.clone(), place)),
        recorder => recorder.record(&accepted.message, crate::testing::Route::Direct).unwrap_or_else(|error| {
            tracing::error!(%error, "an event was not recorded");
        }));
    }

    async fn send(&self, accepted: Accepted) -> Result<(), EventError> {
        at!(self,
            live => live.direct.send(accepted.message, accepted.place.ok_or(EventError::ShutDown)?).await,
            recorder => recorder.record(&accepted.message, crate::testing::Route::Direct))
    }
}

impl fmt::Debug for EventPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventPublisher").field("bootstrap_servers", &self.bootstrap_servers()).finish_non_exhaustive()
    }
}
