//! For tests: the events that a scope published, without a broker, a database or [`init`](crate::init).

mod assertion;
mod recorder;
mod typed;

use crate::event::{EventMetadata, envelope::Message};

pub use assertion::Assertion;
pub use recorder::EventRecorder;
pub(crate) use recorder::current;
pub use typed::TypedAssertion;

/// The way that an event would have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// To Kafka, at once.
    Direct,
    /// Into the outbox, in the caller's transaction.
    Outbox,
}

/// An event that was published in a recorder's scope, as a consumer would read it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// The topic.
    pub topic: String,
    /// The record's key.
    pub key: Option<String>,
    /// The event's type.
    pub event_type: String,
    /// The envelope's payload.
    pub payload: serde_json::Value,
    /// The envelope's metadata.
    pub metadata: EventMetadata,
    /// The record's headers, in order.
    pub headers: Vec<(String, String)>,
    /// The way that it would have gone.
    pub route: Route,
}

impl RecordedEvent {
    fn new(message: &Message, route: Route) -> Result<Self, serde_json::Error> {
        #[derive(serde::Deserialize)]
        struct Envelope {
            metadata: EventMetadata,
            event_type: String,
            payload: serde_json::Value,
        }
        let Envelope { metadata, event_type, payload } = serde_json::from_str(&message.payload)?;
        Ok(Self {
            topic: message.topic.clone(),
            key: message.key().map(str::to_owned),
            event_type,
            payload,
            metadata,
            headers: message.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            route,
        })
    }
}
