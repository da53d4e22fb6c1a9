//! One event at a time, acknowledged: what a call of `publish` waits for.

use std::time::Duration;

use rdkafka::{
    error::KafkaError,
    producer::{FutureProducer, FutureRecord, Producer},
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

    /// Ends when the broker has the message. Once the message is accepted by the client it is sent, also when this
    /// future is dropped.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), EventError> {
        let failed = |source| EventError::Delivery { id: message.id, topic: message.topic.clone(), source };
        let mut record = FutureRecord::<str, [u8]>::to(&message.topic)
            .payload(&message.payload)
            .headers(super::headers(&message.headers));
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        // Not `send`, which would put the message back in the queue behind its successors when the queue is full.
        let delivery = self.0.send_result(record).map_err(|(error, _)| failed(error))?;
        match delivery.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(failed(error)),
            Err(_) => Err(failed(KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight))),
        }
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

impl std::fmt::Debug for DirectProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirectProducer")
    }
}
