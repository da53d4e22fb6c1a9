use super::OneLine;

/// The reason why an event could not be read as the type that was asked for.
///
/// The message carries types and versions, never data. The source of [`Data`](Self::Data) is serde's, and may quote a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The value is not the envelope of such an event.
    #[error("the value is not an envelope of marty-events")]
    Envelope {
        /// Serde's reason.
        #[source]
        source: serde_json::Error,
    },
    /// The envelope has an event of another type or of another aggregate.
    #[error("event `{}` is not `{expected}`", OneLine(.event_type))]
    OtherEvent {
        /// The type in the envelope.
        event_type: String,
        /// The types that were asked for.
        expected: String,
    },
    /// A later version of the publishing service wrote the event.
    #[error(
        "event `{event_type}` has version {event_version}, and this type reads up to {newest}; take the newer type from the publishing service"
    )]
    NewerVersion {
        /// The event's type.
        event_type: String,
        /// The version of the event.
        event_version: u32,
        /// The newest version that the type reads.
        newest: u32,
    },
    /// No type in the chain of `from` has this version.
    #[error("event `{event_type}` has version {event_version}, which no `from` of its type leads to")]
    UnknownVersion {
        /// The event's type.
        event_type: String,
        /// The version of the event.
        event_version: u32,
    },
    /// The data does not have the form of the type.
    #[error("the data of event `{event_type}`, version {event_version}, cannot be read")]
    Data {
        /// The event's type.
        event_type: String,
        /// The version of the event.
        event_version: u32,
        /// Serde's reason.
        #[source]
        source: serde_json::Error,
    },
    /// The payload of an event does not have the form of the type that a handler asks for.
    #[error("the payload of event `{}` cannot be read", OneLine(.event_type))]
    Payload {
        /// The type in the envelope.
        event_type: String,
        /// Serde's reason.
        #[source]
        source: serde_json::Error,
    },
    /// The value of a record without an envelope does not have the form of the type that a handler asks for.
    #[error("the value cannot be read as the handler's payload")]
    Value {
        /// Serde's reason.
        #[source]
        source: serde_json::Error,
    },
    /// The value is said to be a `CloudEvent`, or an envelope, and lacks a part of one.
    #[error("the value is not an event: {problem}")]
    CloudEvent {
        /// The part that is missing, or that cannot be read.
        problem: &'static str,
    },
    /// The call of a handler had no delivery.
    #[error("there is no record to read an event from")]
    NoRecord,
}
