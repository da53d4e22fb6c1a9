//! How an event leaves the process: the registered publisher, and its two roads.

mod background;
mod direct;
mod registration;

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tracing::Instrument;
use uuid::Uuid;

pub(crate) use registration::current;
pub use registration::{Events, init, init_with};

use crate::{
    Event, EventError, OutboxTransaction,
    config::EventConfig,
    event::{
        EventKind,
        message::{Message, Source},
    },
    kafka::{Delivery, DirectProducer},
    observe::{self, PublisherMetrics},
    outbox::Appender,
};
use background::{Background, Handed};
use direct::Direct;

/// How long a caller waits for the outbox to keep an event that the broker did not take.
const KEPT_WITHIN: Duration = Duration::from_secs(5);
/// The same where no caller waits.
const KEPT_IN_BACKGROUND_WITHIN: Duration = Duration::from_secs(30);

/// Publishes events; a cheap clone of the one that [`init`] registered.
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

/// Where events go.
#[derive(Clone)]
enum Sink {
    /// Kafka and the outbox.
    Live(Arc<Live>),
    /// A test's recorder.
    #[cfg(feature = "testing")]
    Recorder(crate::testing::EventRecorder),
}

struct Live {
    source: Source,
    bootstrap: String,
    direct: Direct,
    background: Background,
    appender: Appender,
    /// The longest envelope that the producer will take, so that an event too large is refused in the caller's hands.
    longest: usize,
    use_outbox: bool,
    metrics: PublisherMetrics,
    shut_down: AtomicBool,
}

/// The registered publisher.
///
/// # Errors
///
/// [`EventError::NotInitialized`] before [`init`], [`EventError::ShutDown`] after [`Events::shutdown`].
pub fn publisher() -> Result<EventPublisher, EventError> {
    #[cfg(feature = "testing")]
    if let Some(recorder) = crate::testing::current() {
        return Ok(EventPublisher(Sink::Recorder(recorder)));
    }
    current()
}

impl EventPublisher {
    /// A publisher beside the registered one: for a process that publishes for several services, and for tests.
    ///
    /// Annotated methods use the registered one only. It makes no connection yet.
    ///
    /// # Errors
    ///
    /// [`EventError::Kafka`] when the client cannot be made.
    pub fn unregistered(config: &EventConfig) -> Result<Self, EventError> {
        Ok(Self(Sink::Live(Arc::new(Live::new(config)?))))
    }

    /// Sends one event to Kafka now, outside any transaction, and waits for the broker's acknowledgement; answers the
    /// event's id. Where an outbox database is configured (`DATABASE_URL`), an event that the broker does not take is
    /// kept there, and a relay delivers it later.
    ///
    /// Dropping the future does not take the event back: what the client has accepted is sent.
    ///
    /// # Errors
    ///
    /// [`EventError::Delivery`] when the broker did not take it and no outbox kept it; [`EventError::ShutDown`]; and what
    /// is wrong with the event itself ([`EventError::InvalidEvent`], [`EventError::InvalidTopic`],
    /// [`EventError::TooLarge`]).
    pub async fn publish(&self, event: impl Into<Event>) -> Result<Uuid, EventError> {
        let message = self.complete(event.into())?;
        self.send(&message).await?;
        Ok(message.id)
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
    pub async fn publish_in<T>(&self, transaction: &mut T, event: impl Into<Event>) -> Result<Uuid, EventError>
    where
        T: OutboxTransaction + ?Sized,
    {
        let message = self.complete(event.into())?;
        self.append(&mut { transaction }, std::slice::from_ref(&message)).await?;
        Ok(message.id)
    }

    /// Writes events in the caller's transaction, in their order, in one round trip; answers their ids.
    ///
    /// Dropping the future, and errors: as [`publish_in`](Self::publish_in).
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
        self.append(&mut { transaction }, &messages).await?;
        Ok(messages.iter().map(|message| message.id).collect())
    }

    /// The Kafka bootstrap list in use: the configured one, or the in-process broker's address. Empty in a test's scope.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        match &self.0 {
            Sink::Live(live) => &live.bootstrap,
            #[cfg(feature = "testing")]
            Sink::Recorder(_) => "",
        }
    }

    pub(crate) fn complete(&self, event: Event) -> Result<Message, EventError> {
        match &self.0 {
            Sink::Live(live) => live.complete(event),
            #[cfg(feature = "testing")]
            Sink::Recorder(recorder) => recorder.source().message(event),
        }
    }

    /// Counts a direct event of an annotated method that could not be made: its caller may not hear of it.
    fn counted(&self, kind: EventKind, made: Result<Message, EventError>) -> Result<Message, EventError> {
        made.inspect_err(|_| match &self.0 {
            Sink::Live(live) => live.metrics.lost(kind),
            #[cfg(feature = "testing")]
            Sink::Recorder(_) => {}
        })
    }

    async fn append(&self, transaction: &mut dyn OutboxTransaction, messages: &[Message]) -> Result<(), EventError> {
        match &self.0 {
            Sink::Live(live) => live.append(transaction, messages).await,
            #[cfg(feature = "testing")]
            Sink::Recorder(recorder) => {
                messages.iter().try_for_each(|message| recorder.record(message, crate::testing::Route::Outbox))
            }
        }
    }

    /// Accepts an event that nobody waits for.
    fn hand_over(&self, message: Message) {
        match &self.0 {
            Sink::Live(live) => live.hand_over(message, None, Instant::now()),
            #[cfg(feature = "testing")]
            Sink::Recorder(recorder) => {
                if let Err(error) = recorder.record(&message, crate::testing::Route::Direct) {
                    tracing::error!(%error, "an event was not recorded");
                }
            }
        }
    }

    async fn send(&self, message: &Message) -> Result<(), EventError> {
        match &self.0 {
            Sink::Live(live) => live.send(message).await,
            #[cfg(feature = "testing")]
            Sink::Recorder(recorder) => recorder.record(message, crate::testing::Route::Direct),
        }
    }
}

impl Live {
    fn new(config: &EventConfig) -> Result<Self, EventError> {
        let metrics = PublisherMetrics::new(config.counts());
        let producer = DirectProducer::new(config)?;
        let direct = Direct {
            producer,
            refuge: registration::refuge(config)?,
            kept_within: KEPT_WITHIN,
            metrics,
            traces: config.traces(),
        };
        // With connections of its own.
        let unattended =
            Direct { refuge: registration::refuge(config)?, kept_within: KEPT_IN_BACKGROUND_WITHIN, ..direct.clone() };
        Ok(Self {
            source: config.source(),
            bootstrap: crate::kafka::bootstrap(config)?,
            background: Background::start(unattended).map_err(|source| EventError::Background { source })?,
            direct,
            appender: Appender::new(config.outbox_table()),
            longest: crate::kafka::longest_message(config),
            use_outbox: config.uses_outbox(),
            metrics,
            shut_down: AtomicBool::new(false),
        })
    }

    fn complete(&self, event: Event) -> Result<Message, EventError> {
        if self.shut_down.load(Ordering::Acquire) {
            return Err(EventError::ShutDown);
        }
        let message = self.source.message(event)?;
        let size = message.size();
        if self.longest < size {
            return Err(EventError::TooLarge { id: message.id, topic: message.topic, size, limit: self.longest });
        }
        Ok(message)
    }

    async fn append(&self, transaction: &mut dyn OutboxTransaction, messages: &[Message]) -> Result<(), EventError> {
        if !self.use_outbox {
            // Accepted in so many words by the configuration: sent before the commit.
            for message in messages {
                self.send(message).await?;
            }
            return Ok(());
        }
        let begun = Instant::now();
        let result = self.appender.append(transaction.connection(), messages).await;
        self.metrics.inserted(messages, result.is_ok(), begun);
        result
    }

    /// Ends when the broker or the outbox has the event. Where this future is dropped before, the background sees it
    /// through.
    async fn send(&self, message: &Message) -> Result<(), EventError> {
        let begun = Instant::now();
        let mut attended = Attended { live: self, message, delivery: None, begun, is_over: false };
        let span = observe::send_span(message, self.source.tracing);
        let sent = match self.direct.producer.begin(message) {
            Ok(delivery) => attended.delivery.insert(delivery).ended(message).instrument(span.clone()).await,
            Err(error) => Err(error),
        };
        observe::end(span, &sent);
        if sent.is_ok() {
            attended.is_over = true;
        }
        let settled = self.direct.settle(message, sent, begun).await;
        attended.is_over = true;
        settled
    }

    /// Accepts an event that nobody waits for; never blocks.
    fn hand_over(&self, message: Message, delivery: Option<Delivery>, begun: Instant) {
        let (id, kind, topic) = (message.id, message.kind, message.topic.clone());
        if !self.background.hand_over(Handed { message, delivery, begun }) {
            tracing::error!(event_id = %id, topic, "too many events wait in the background; this one is lost");
            self.metrics.lost(kind);
        }
    }
}

/// A direct event whose caller waits for it.
struct Attended<'a> {
    live: &'a Live,
    message: &'a Message,
    delivery: Option<Delivery>,
    begun: Instant,
    is_over: bool,
}

impl Drop for Attended<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.live.hand_over(self.message.clone(), self.delivery.take(), self.begun);
        }
    }
}

impl fmt::Debug for EventPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventPublisher").field("bootstrap_servers", &self.bootstrap_servers()).finish_non_exhaustive()
    }
}

/// Writes an annotated method's events in its transaction.
pub(crate) async fn record_in(transaction: &mut dyn OutboxTransaction, events: Vec<Event>) -> Result<(), EventError> {
    publisher()?.publish_all_in(transaction, events).await.map(drop)
}

/// Sends an annotated method's events, all of them whatever becomes of the others; answers for each. Where this future is
/// dropped before, the background sees them all through.
pub(crate) async fn record_direct(
    events: Vec<(EventKind, Result<Event, EventError>)>,
) -> Result<Vec<Result<(), EventError>>, EventError> {
    let publisher = publisher()?;
    let mut waiting = Waiting { publisher: &publisher, messages: VecDeque::with_capacity(events.len()) };
    for (kind, event) in events {
        waiting.messages.push_back(publisher.counted(kind, event.and_then(|event| publisher.complete(event))));
    }
    let mut results = Vec::with_capacity(waiting.messages.len());
    while let Some(message) = waiting.messages.pop_front() {
        results.push(match message {
            Ok(message) => publisher.send(&message).await,
            Err(error) => Err(error),
        });
    }
    Ok(results)
}

/// Direct events whose turn has not come.
struct Waiting<'a> {
    publisher: &'a EventPublisher,
    messages: VecDeque<Result<Message, EventError>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for message in self.messages.drain(..).flatten() {
            self.publisher.hand_over(message);
        }
    }
}

/// Hands over an annotated method's records of a failure, without waiting: never in the caller's transaction.
pub(crate) fn record_failure(events: Vec<Event>) {
    for event in events {
        let (kind, event_type) = (event.kind(), event.event_type().to_owned());
        match publisher().and_then(|publisher| Ok((publisher.counted(kind, publisher.complete(event))?, publisher))) {
            Ok((message, publisher)) => publisher.hand_over(message),
            Err(error) => tracing::error!(%error, event_type, "a failure was not recorded"),
        }
    }
}
