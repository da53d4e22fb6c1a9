//! What the Kafka client has to tell.

use rdkafka::error::KafkaError;

use crate::kafka::Outage;

/// What became of a row that was sent.
#[derive(Debug)]
pub(in crate::relay) struct Report {
    pub(in crate::relay) seq: i64,
    pub(in crate::relay) result: Result<(), KafkaError>,
}

/// How many partitions the topics have that were asked for.
pub(in crate::relay) type Checked = Result<Vec<(String, i32)>, KafkaError>;

#[derive(Debug)]
pub(in crate::relay) enum ClientEvent {
    Report(Report),
    /// No broker can be reached. What was sent waits in the client.
    Unreachable(Outage),
    /// A broker has answered that was asked for it, or none has.
    Checked(Checked),
}
