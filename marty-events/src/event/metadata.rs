use std::collections::BTreeMap;

use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The urgency of an event for consumers; `normal` unless set. It does not change the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EventPriority {
    /// `low`
    Low,
    /// `normal`
    #[default]
    Normal,
    /// `high`
    High,
    /// `critical`
    Critical,
}

/// The facts about an event besides its payload: the envelope's `metadata`.
///
/// Every field is always present on the wire; an absent one is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventMetadata {
    /// The event's id, a UUID of version 7; a redelivery has the same one.
    pub event_id: Uuid,
    /// When the event was recorded: RFC 3339, UTC, microseconds.
    #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
    pub timestamp: Timestamp,
    /// The service that published it.
    pub service_name: String,
    /// That service's version.
    pub service_version: String,
    /// The id that the events of one business operation share.
    pub correlation_id: Option<String>,
    /// The event or command that caused this one.
    pub causation_id: Option<String>,
    /// The user who acted.
    pub user_id: Option<String>,
    /// That user's session.
    pub session_id: Option<String>,
    /// The W3C trace id at the moment of recording.
    pub trace_id: Option<String>,
    /// The W3C span id at the moment of recording.
    pub span_id: Option<String>,
    /// The request that was being served.
    pub request_id: Option<String>,
    /// The urgency for consumers.
    pub priority: EventPriority,
    /// The client's address.
    pub source_ip: Option<String>,
    /// The client's program.
    pub user_agent: Option<String>,
    /// The service's own additions.
    pub custom_headers: BTreeMap<String, String>,
}

/// The part of [`EventMetadata`] that a context decides, borrowed.
pub(crate) struct Circumstances<'a> {
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) causation_id: Option<&'a str>,
    pub(crate) user_id: Option<&'a str>,
    pub(crate) session_id: Option<&'a str>,
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) span_id: Option<&'a str>,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) source_ip: Option<&'a str>,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) custom_headers: &'a BTreeMap<String, String>,
}

impl EventPriority {
    /// The word that stands on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Six digits of a second, always, so that texts sort as times do.
const TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// Appends a time as it stands on the wire.
pub(super) fn push_time(text: &mut String, time: Timestamp) {
    TIME.print_timestamp(&time, text).expect("writing to a `String` does not fail");
}

fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&TIME.timestamp_to_string(time))
}

fn from_rfc3339<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
