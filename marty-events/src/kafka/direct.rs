//! One event at a time, acknowledged: what a call of `publish` waits for.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext},
    types::RDKafkaErrorCode,
};
use tokio::sync::oneshot;

use super::{Complaint, Served, is_permanent};
use crate::{EventError, config::EventConfig, event::message::Message};

/// A caller waits for each event, so none is held back in the hope of company; and for a limited time for the broker's
/// acknowledgement, which `KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS` changes.
const DEFAULTS: [(&str, &str); 2] = [("linger.ms", "0"), ("message.timeout.ms", "10000")];

/// A producer whose every send is awaited.
#[derive(Clone)]
pub(crate) struct DirectProducer(Arc<Renewable>);

type Client = Served<Context>;

/// What became of a message.
type Answer = Result<(), KafkaError>;

/// A client that a new one takes the place of once it can send nothing more.
struct Renewable {
    config: ClientConfig,
    complaint: Complaint,
    client: Mutex<Client>,
    /// How many messages somebody follows.
    followed: Arc<AtomicUsize>,
}

/// Passes on what the client says of itself.
struct Context(Complaint);

impl DirectProducer {
    pub(crate) fn new(config: &EventConfig) -> Result<Self, EventError> {
        let (config, complaint) = (super::producer_config(config, &DEFAULTS)?, Complaint::default());
        let client = Mutex::new(client(&config, &complaint)?);
        Ok(Self(Arc::new(Renewable { config, complaint, client, followed: Arc::default() })))
    }

    /// Hands the message to the client. From here on it is sent, whether or not anybody waits for it.
    pub(crate) fn begin(&self, message: &Message) -> Result<Delivery, EventError> {
        let headers = message
            .headers()
            .fold(super::no_headers(), |headers, (name, value)| super::with_header(headers, name, value));
        let (tell, future) = oneshot::channel();
        let mut record = BaseRecord::<str, [u8], _>::with_opaque_to(&message.topic, Box::new(tell))
            .payload(&message.payload)
            .headers(headers);
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        let handed = self.0.client()?.send(record);
        match handed {
            Ok(()) => {
                let followed = Followed::new(&self.0.followed);
                Ok(Delivery { future, complaint: self.0.complaint.clone(), _followed: followed })
            }
            Err((error, _)) => Err(failed(message, error, &self.0.complaint)),
        }
    }

    /// Waits until nothing is under way any more, or `limit` has passed; answers how many messages are left then.
    /// Blocks the thread.
    pub(crate) fn flush(&self, limit: Duration) -> usize {
        let client = self.0.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if client.flush(limit).is_ok() {
            return 0;
        }
        // The client counts what it has to say among its messages (`rd_kafka_outq_len`), and whoever follows a message may not have
        // looked yet: each of them may be too many.
        let queued = usize::try_from(client.in_flight_count()).unwrap_or_default();
        queued.min(self.0.followed.load(Ordering::Acquire))
    }
}

impl Renewable {
    /// The client, or a new one where it has met an error that it cannot go on after: it was denied what an idempotent
    /// producer needs, or lost its place in the brokers' count (librdkafka, INTRODUCTION.md, "Fatal error handling").
    fn client(&self) -> Result<Client, EventError> {
        let mut current = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if current.client().fatal_error().is_some() {
            let lost = std::mem::replace(&mut *current, client(&self.config, &self.complaint)?);
            // Whoever waits for one of its messages learns at once that it was not sent.
            lost.purge();
        }
        Ok(current.clone())
    }
}

fn client(config: &ClientConfig, complaint: &Complaint) -> Result<Client, EventError> {
    Served::new(config, Context(complaint.clone()))
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.overhear(facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.take_down(&error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<oneshot::Sender<Answer>>;

    fn delivery(&self, result: &DeliveryResult<'_>, tell: Box<oneshot::Sender<Answer>>) {
        // Where nobody waits for it any more, nobody is told.
        let _ = tell.send(result.as_ref().map(drop).map_err(|(error, _)| error.clone()));
    }
}

/// A message under way.
pub(crate) struct Delivery {
    future: oneshot::Receiver<Answer>,
    complaint: Complaint,
    _followed: Followed,
}

/// Counts for as long as it lives.
struct Followed(Arc<AtomicUsize>);

impl Followed {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count.clone())
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Delivery {
    /// Ends when the broker has the message, or has refused it. Cancel safe: it can be asked again.
    pub(crate) async fn ended(&mut self, message: &Message) -> Result<(), EventError> {
        let error = match (&mut self.future).await {
            Ok(Ok(())) => {
                self.complaint.withdraw();
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight),
        };
        Err(failed(message, error, &self.complaint))
    }

    pub(crate) async fn done(mut self, message: &Message) -> Result<(), EventError> {
        self.ended(message).await
    }
}

fn failed(message: &Message, source: KafkaError, complaint: &Complaint) -> EventError {
    let connection = complaint.text().filter(|_| !is_permanent(&source));
    EventError::Delivery { id: message.id, topic: message.topic.clone(), connection, source: Box::new(source) }
}

impl std::fmt::Debug for DirectProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirectProducer")
    }
}
