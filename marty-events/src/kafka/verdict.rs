use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

#[cfg(test)]
mod tests;

/// The meaning of a failed delivery for the event, and for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The brokers are away, or do not let this client in. Nothing goes through, and nothing counts against the event.
    Outage,
    /// The failure says nothing about the connection, nor against the event: a partition without a leader or without enough
    /// replicas, another record's fault, a code that is not known. This event is tried again after a pause; others go on.
    Unclear,
    /// The broker refused this event.
    Refused,
    /// The topic is refused as a whole: it does not exist, or this client may not write to it. Its other events fare alike.
    TopicRefused,
    /// The broker refused the batch that this event was part of; alone it may pass.
    BatchRefused,
    /// The producer cannot go on; a new one can.
    ProducerLost,
}

impl Verdict {
    /// Error codes as in librdkafka's `rdkafka.h` (`rd_kafka_resp_err_t`) and Kafka's protocol guide, "Error Codes". librdkafka
    /// reports every code that it does not try again by itself (`rd_kafka_handle_Produce_error`). A code that is not listed
    /// is unclear: the event is tried again and never given up, which loses nothing.
    pub(crate) fn of(error: &KafkaError) -> Self {
        if let KafkaError::Nul(_) = error {
            return Self::Refused;
        }
        error.rdkafka_error_code().map_or(Self::Unclear, Self::of_code)
    }

    fn of_code(code: Code) -> Self {
        match code {
            // No connection, or none that lasts; the client's own queue, which is full while nothing leaves it.
            Code::BrokerDestroy
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::MessageTimedOut
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::QueueFull
            | Code::CriticalSystemResource
            | Code::UnknownBroker
            | Code::DestroyBroker
            | Code::BrokerNotAvailable
            | Code::NetworkException
            | Code::RebootstrapRequired
            // The brokers and the client do not understand each other.
            | Code::UnknownProtocol
            | Code::UnsupportedFeature
            | Code::UnsupportedVersion
            // The brokers do not let this user in, or the user may write nothing.
            | Code::SSL
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SecurityDisabled
            | Code::PrincipalDeserializationFailure
            | Code::UnacceptableCredential
            | Code::DelegationTokenExpired
            | Code::ClusterAuthorizationFailed => Self::Outage,
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::MessageBatchTooLarge
            | Code::InvalidMessage
            | Code::InvalidRecord
            | Code::BadMessage
            | Code::InvalidTimestamp
            | Code::PolicyViolation => Self::BatchRefused,
            Code::InvalidArgument | Code::InvalidRequiredAcks => Self::Refused,
            Code::InvalidTopic
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopicId
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            // The topic's format is older than headers.
            | Code::UnsupportedForMessageFormat => Self::TopicRefused,
            Code::Fatal
            | Code::GaplessGuarantee
            | Code::Fenced
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch => Self::ProducerLost,
            _ => Self::Unclear,
        }
    }
}

/// True if another try of the same event is pointless until somebody changes something.
pub(crate) fn is_lasting(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    source.downcast_ref().is_some_and(is_permanent)
}

pub(crate) fn is_permanent(error: &KafkaError) -> bool {
    let refusals = [Verdict::Refused, Verdict::TopicRefused, Verdict::BatchRefused];
    refusals.contains(&Verdict::of(error)) || error.rdkafka_error_code().is_some_and(never_works)
}

/// Codes that count against no event, and that no other try changes: a client that is misused, or that the brokers have no words or no
/// rights for.
fn never_works(code: Code) -> bool {
    matches!(
        code,
        Code::State
            | Code::NotImplemented
            | Code::NotConfigured
            | Code::InvalidType
            | Code::Conflict
            | Code::Underflow
            | Code::UnknownProtocol
            | Code::UnsupportedFeature
            | Code::UnsupportedVersion
            | Code::UnsupportedCompressionType
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SecurityDisabled
            | Code::InvalidRequest
            | Code::InvalidTransactionalState
            | Code::InvalidTransactionTimeout
            | Code::TransactionalIdAuthorizationFailed
            | Code::ClusterAuthorizationFailed
    )
}

/// True if the broker's answer to this event alone stays the same until somebody changes the topic or the event. A second try is pointless
/// then. A missing topic may be made, and rights may be given, within the time of a few tries. A record that was garbled on its way is
/// sent anew.
pub(crate) fn is_final(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Nul(_))
        || is_too_large(error)
        || matches!(
            error.rdkafka_error_code(),
            Some(
                Code::InvalidRecord
                    | Code::InvalidTimestamp
                    | Code::PolicyViolation
                    | Code::InvalidArgument
                    | Code::InvalidRequiredAcks
                    | Code::InvalidTopic
                    | Code::UnsupportedForMessageFormat
            )
        )
}

/// True if the broker or the client takes no record of this size.
pub(crate) fn is_too_large(error: &KafkaError) -> bool {
    let sizes = [Code::MessageSizeTooLarge, Code::MessageBatchTooLarge, Code::InvalidMessageSize];
    error.rdkafka_error_code().is_some_and(|code| sizes.contains(&code))
}
