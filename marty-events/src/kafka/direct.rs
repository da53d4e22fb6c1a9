//! One event at a time, acknowledged: the client behind a call of `publish`.

#[cfg(test)]
mod tests;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{Producer, ProducerContext},
    types::RDKafkaErrorCode,
};

use super::{Away, Complaint, PolledProducer, Reach, acknowledged, is_permanent, is_too_large, is_unconfirmed, record};
use crate::{EventError, config::EventConfig, event::envelope::Message};

/// A caller waits for each event, so none is held back in the hope of company; and for a limited time for the broker's
/// acknowledgement, which `KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS` changes.
const DEFAULTS: [(&str, &str); 2] = [("linger.ms", "0"), (TIMEOUT, "10000")];
const TIMEOUT: &str = "message.timeout.ms";
/// The time limit for a broker that is asked for a topic.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// A message on its way through the client, with the receiver of its answer.
pub(crate) trait Passenger: Send + Sync + 'static {
    fn message(&self) -> &Arc<Message>;

    /// Is called once, by the caller of [`DirectProducer::send`] or by the client's thread, and must not block.
    fn answered(self: Box<Self>, answer: Result<(), EventError>);
}

/// A producer that answers for every message.
pub(crate) struct DirectProducer<P: Passenger>(Arc<ReplaceableClient<P>>);

type Client<P> = PolledProducer<Context<P>>;

/// A client that a new one takes the place of once it can send nothing more.
struct ReplaceableClient<P: Passenger> {
    config: ClientConfig,
    complaint: Complaint,
    reach: Reach,
    client: Mutex<Client<P>>,
}

/// Passes on messages from the client: about itself, and about each message that it was given.
struct Context<P> {
    complaint: Complaint,
    reach: Reach,
    passenger: std::marker::PhantomData<fn(P)>,
}

/// A message in the client. It keeps its client alive: a client that is dropped may forget its messages without an answer.
struct Ride<P: Passenger> {
    passenger: Box<P>,
    client: Client<P>,
}

impl<P: Passenger> Ride<P> {
    /// Sends the message once more. Consumers drop a repetition by its id.
    fn again(self: Box<Self>) -> Result<(), (KafkaError, Box<Self>)> {
        let (message, client) = (self.passenger.message().clone(), self.client.clone());
        client.send(record::of_message(&message, self)).map_err(|(error, record)| (error, record.delivery_opaque))
    }
}

impl<P: Passenger> DirectProducer<P> {
    pub(crate) fn new(config: &EventConfig, reach: Reach) -> Result<Self, EventError> {
        let (config, complaint) = (super::producer_config(config, &DEFAULTS)?, Complaint::default());
        let client = Mutex::new(client(&config, &complaint, &reach)?);
        Ok(Self(Arc::new(ReplaceableClient { config, complaint, reach, client })))
    }

    /// Takes back the messages that no broker has acknowledged; each passenger is answered.
    pub(crate) fn purge(&self) {
        self.0.client.lock().unwrap_or_else(PoisonError::into_inner).purge();
    }

    /// True if a broker says that there is no such topic. The client itself only reports a time-out, unless it has waited for the topic
    /// for longer. If no broker answers, they may be away. Blocks the thread.
    pub(crate) fn is_unknown(&self, topic: &str) -> bool {
        let Ok(client) = self.0.client() else { return false };
        let Ok(found) = client.client().fetch_metadata(Some(topic), SIGN_OF_LIFE) else {
            self.0.reach.ask();
            return false;
        };
        let is_missing = |code| is_of_an_unknown_topic(RDKafkaErrorCode::from(code));
        found.topics().iter().any(|found| found.name() == topic && found.error().is_some_and(is_missing))
    }

    /// Hands the message to the client, which sends it whether or not anybody waits. The passenger is answered in any case.
    pub(crate) fn send(&self, passenger: Box<P>) {
        let message = passenger.message().clone();
        if let Err((error, passenger)) = self.hand_over(passenger, &message) {
            passenger.answered(Err(error));
        }
    }

    fn hand_over(&self, passenger: Box<P>, message: &Message) -> Result<(), (EventError, Box<P>)> {
        let client = match self.0.client() {
            Ok(client) => client,
            Err(error) => return Err((error, passenger)),
        };
        let ride = Box::new(Ride { passenger, client: client.clone() });
        let Err((mut error, mut record)) = client.send(record::of_message(message, ride)) else { return Ok(()) };
        // The client was lost between the question and the sending. It takes nothing more then, so nothing is sent twice.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
            && let Ok(client) = self.0.client()
        {
            record.delivery_opaque =
                Box::new(Ride { passenger: record.delivery_opaque.passenger, client: client.clone() });
            match client.send(record) {
                Ok(()) => return Ok(()),
                Err(refused) => (error, record) = refused,
            }
        }
        Err((failed(message, error, &self.0.complaint), record.delivery_opaque.passenger))
    }
}

impl<P: Passenger> ReplaceableClient<P> {
    /// The client, or a new one where it has met an error that it cannot go on after: it was denied the rights of an
    /// idempotent producer, or lost its place in the brokers' count (librdkafka, INTRODUCTION.md, "Fatal error handling").
    fn client(&self) -> Result<Client<P>, EventError> {
        let mut current = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if current.client().fatal_error().is_some() {
            let lost = std::mem::replace(&mut *current, client(&self.config, &self.complaint, &self.reach)?);
            // The passengers in it learn at once that they were not sent.
            lost.purge();
        }
        Ok(current.clone())
    }
}

fn client<P: Passenger>(config: &ClientConfig, complaint: &Complaint, reach: &Reach) -> Result<Client<P>, EventError> {
    let context = Context { complaint: complaint.clone(), reach: reach.clone(), passenger: std::marker::PhantomData };
    PolledProducer::new(config, context)
}

impl<P: Passenger> ClientContext for Context<P> {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaint.overhear(facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaint.take_down(&error, reason);
        // It is said of idle connections too, which brokers close.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.reach.ask();
        }
    }
}

impl<P: Passenger> ProducerContext for Context<P> {
    type DeliveryOpaque = Box<Ride<P>>;

    fn delivery(&self, result: &DeliveryResult<'_>, ride: Box<Ride<P>>) {
        let (ride, acknowledged) = match acknowledged(result) {
            Err(error) if is_unconfirmed(&error) => match ride.again() {
                Ok(()) => return,
                Err((refused, ride)) => (ride, Err(refused)),
            },
            acknowledged => (ride, acknowledged),
        };
        if acknowledged.is_ok() {
            self.complaint.withdraw();
        }
        let answer = acknowledged.map_err(|error| failed(ride.passenger.message(), error, &self.complaint));
        // The client's one thread must go on for the others: a panic here is that of a subscriber or recorder of the program.
        if catch_unwind(AssertUnwindSafe(|| ride.passenger.answered(answer))).is_err() {
            tracing::error!("a log or a metric of a direct event panicked");
        }
    }
}

fn failed(message: &Message, source: KafkaError, complaint: &Complaint) -> EventError {
    if source.rdkafka_error_code().is_some_and(is_of_an_unknown_topic) {
        return unknown_topic(message);
    }
    let connection = complaint.text().filter(|_| !is_permanent(&source));
    EventError::Delivery { id: message.id, topic: message.topic.clone(), connection, source: Box::new(source) }
}

/// The time for which the client tries to deliver a message before it reports the failure.
pub(crate) fn patience(config: &EventConfig) -> Duration {
    let given = config.producer_properties().find(|(name, _)| *name == TIMEOUT);
    let default = DEFAULTS.into_iter().find(|(name, _)| *name == TIMEOUT);
    let milliseconds = given.or(default).and_then(|(_, value)| value.parse().ok());
    milliseconds.map_or(Duration::MAX, Duration::from_millis)
}

/// True if the client ran out of time and no broker gave a reason.
pub(crate) fn ran_out_of_time(error: &EventError) -> bool {
    code(error) == Some(RDKafkaErrorCode::MessageTimedOut)
}

/// True if the broker takes no message of this size.
pub(crate) fn was_too_large(error: &EventError) -> bool {
    client_error(error).is_some_and(is_too_large)
}

/// The error of a message that is larger than its topic takes.
pub(crate) fn too_large(message: &Message, limit: Option<u64>) -> EventError {
    EventError::TooLargeForTopic { id: message.id, topic: message.topic.clone(), size: message.size(), limit }
}

/// True if the message was taken back from the client.
pub(crate) fn was_taken_back(error: &EventError) -> bool {
    matches!(code(error), Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight))
}

fn code(error: &EventError) -> Option<RDKafkaErrorCode> {
    client_error(error)?.rdkafka_error_code()
}

/// The Kafka client's own error, of an event that was not delivered.
fn client_error(error: &EventError) -> Option<&KafkaError> {
    match error {
        EventError::Delivery { source, .. } => source.downcast_ref(),
        _ => None,
    }
}

fn is_of_an_unknown_topic(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{UnknownTopic, UnknownTopicId, UnknownTopicOrPartition};
    matches!(code, UnknownTopic | UnknownTopicId | UnknownTopicOrPartition)
}

/// The error of a message whose topic does not exist.
pub(crate) fn unknown_topic(message: &Message) -> EventError {
    EventError::UnknownTopic { id: message.id, topic: message.topic.clone() }
}

/// The error of a message that is not sent, because no broker answers.
pub(crate) fn not_sent(message: &Message, away: &Away) -> EventError {
    let connection = Some(format!("no broker has answered for {:.1?}; {}", away.since.elapsed(), away.reason));
    let source = Box::new(KafkaError::MessageProduction(RDKafkaErrorCode::AllBrokersDown));
    EventError::Delivery { id: message.id, topic: message.topic.clone(), connection, source }
}

/// The error of a message on which the client has not reported in time.
pub(crate) fn unanswered(message: &Message) -> EventError {
    failed(message, KafkaError::MessageProduction(RDKafkaErrorCode::OperationTimedOut), &Complaint::default())
}

/// The error of a message whose end nobody knows.
pub(crate) fn abandoned(message: &Message) -> EventError {
    failed(message, KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight), &Complaint::default())
}

impl<P: Passenger> Clone for DirectProducer<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Passenger> std::fmt::Debug for DirectProducer<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirectProducer")
    }
}
