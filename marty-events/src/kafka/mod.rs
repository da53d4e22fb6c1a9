//! The Kafka client.

use rdkafka::error::KafkaError;

pub(crate) fn is_permanent(_: &KafkaError) -> bool {
    false
}
