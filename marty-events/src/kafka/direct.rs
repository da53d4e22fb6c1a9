//! One event at a time, acknowledged: what a call of `publish` waits for.

use std::time::Duration;

use rdkafka::{
    error::KafkaError,
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer},
    types::RDKafkaErrorCode,
};

use crate::{EventError, config::EventConfig, event::message::Message};

/// How long an event may wait for the broker's acknowledgement before the caller hears that it did not come.
/// `KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS` changes it.
const ACKNOWLEDGED_WITHIN: &str = "10000";

/// A producer whose every send is awaited.
#[derive(Clone)]
pub(crate) struct DirectProducer(FutureProducer);

impl DirectProducer {
    pub(crate) fn new(config: &EventConfig) -> Result<Self, EventError> {
        let mut base = rdkafka::ClientConfig::new();
        // A caller waits for each event, so none is held back in the hope of company.
        base.set("linger.ms", "0").set("message.timeout.ms", ACKNOWLEDGED_WITHIN);
        base.extend(
            super::producer_config(config)?.config_map().iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        );
        base.create().map(Self).map_err(EventError::Kafka)
    }

    /// Hands the message to the client. From here on it is sent, whether or not anybody waits for it.
    pub(crate) fn begin(&self, message: &Message) -> Result<Delivery, EventError> {
        let headers = message
            .headers()
            .fold(super::no_headers(), |headers, (name, value)| super::with_header(headers, name, value));
        let mut record = FutureRecord::<str, [u8]>::to(&message.topic).payload(&message.payload).headers(headers);
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        // Not `send`, which would put the message back in the queue behind its successors when the queue is full.
        self.0.send_result(record).map(Delivery).map_err(|(error, _)| failed(message, error))
    }

    /// Waits until nothing is under way any more, or `limit` has passed; answers how many messages are left then.
    /// Blocks the thread.
    pub(crate) fn flush(&self, limit: Duration) -> usize {
        match self.0.flush(limit) {
            Ok(()) => 0,
            Err(_) => usize::try_from(self.0.in_flight_count()).unwrap_or_default(),
        }
    }
}

/// A message under way.
pub(crate) struct Delivery(DeliveryFuture);

impl Delivery {
    /// Ends when the broker has the message, or has refused it. Cancel safe: it can be asked again.
    pub(crate) async fn ended(&mut self, message: &Message) -> Result<(), EventError> {
        match (&mut self.0).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(failed(message, error)),
            Err(_) => Err(failed(message, KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight))),
        }
    }

    pub(crate) async fn done(mut self, message: &Message) -> Result<(), EventError> {
        self.ended(message).await
    }
}

fn failed(message: &Message, source: KafkaError) -> EventError {
    EventError::Delivery { id: message.id, topic: message.topic.clone(), source }
}

impl std::fmt::Debug for DirectProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirectProducer")
    }
}
