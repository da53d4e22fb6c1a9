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
}
