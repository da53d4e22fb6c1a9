use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

/// What a failed delivery says about the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The broker is away or busy; the event is as good as before and nothing counts against it.
    Outage,
    /// The broker refused this event.
    Refused,
    /// The broker refused the batch that this event was part of; alone it may pass.
    BatchRefused,
    /// The broker refused the topic.
    TopicRefused,
    /// Says nothing about the connection.
    Unclear,
    /// The producer cannot go on; a new one can.
    ProducerLost,
}

impl Verdict {
    /// Error codes as in librdkafka's `rdkafka.h` (`rd_kafka_resp_err_t`) and Kafka's protocol guide, "Error Codes".
    /// What is not listed counts as an outage: it is tried again and never given up, which loses nothing.
    pub(crate) fn of(error: &KafkaError) -> Self {
        if let KafkaError::Nul(_) = error {
            return Self::Refused;
        }
        let Some(code) = error.rdkafka_error_code() else { return Self::Outage };
        match code {
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::MessageBatchTooLarge
            | Code::InvalidMessage
            | Code::InvalidRecord
            | Code::BadMessage
            | Code::InvalidTimestamp
            | Code::UnsupportedForMessageFormat
            | Code::PolicyViolation => Self::BatchRefused,
            Code::InvalidTopic
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::InvalidArgument
            | Code::InvalidRequiredAcks => Self::Refused,
            Code::Fatal | Code::Fenced | Code::InvalidProducerEpoch | Code::State => Self::ProducerLost,
            _ => Self::Outage,
        }
    }
}

/// Whether another try of the same event is pointless until somebody changes something.
pub(crate) fn is_permanent(error: &KafkaError) -> bool {
    matches!(Verdict::of(error), Verdict::Refused | Verdict::BatchRefused)
}
