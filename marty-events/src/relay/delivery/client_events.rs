//! The reports of the Kafka client.

use rdkafka::error::KafkaError;

use crate::kafka::Outage;

/// The end of a row that was sent.
#[derive(Debug)]
pub(in crate::relay) struct Report {
    pub(in crate::relay) seq: i64,
    pub(in crate::relay) result: Result<(), KafkaError>,
}

/// The number of partitions of each topic that was asked for.
pub(in crate::relay) type Checked = Result<Vec<(String, i32)>, KafkaError>;

#[derive(Debug)]
pub(in crate::relay) enum ClientEvent {
    Report(Report),
    /// No broker can be reached. Rows that were sent wait in the client.
    Unreachable(Outage),
    /// A broker has answered that was asked for it, or none has.
    Checked(Checked),
}
