use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    Event, EventContext, EventError,
    event::source::{Service, Source},
    inbox::Delivery,
};

/// An event that a test delivers: anything that can be published, or a [`RawRecord`].
#[derive(Debug, Clone)]
pub struct Deliverable(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// With the id and the time that it keeps in a redelivery, and the context of its publisher.
    Event(Box<Event>, Uuid, Timestamp, EventContext),
    Raw(RawRecord),
}

/// A record as it stands in Kafka, of any publisher.
///
/// ```
/// use marty_events::consumer::RawRecord;
///
/// let record = RawRecord::new("marty.audit.events")
///     .key("user-1")
///     .header("ce_id", "7")
///     .header("ce_type", "user.login.failed")
///     .value(r#"{"user": "alice"}"#);
/// # let _ = record;
/// ```
#[derive(Debug, Clone)]
pub struct RawRecord {
    topic: String,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    value: Option<Vec<u8>>,
}

impl RawRecord {
    /// On this topic, with its prefix; no key, no header, no value.
    pub fn new(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), key: None, headers: Vec::new(), value: None }
    }

    /// The record's key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The record's value. A record without one is a tombstone.
    #[must_use]
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }
}

impl Deliverable {
    /// The record that the event is in Kafka, by the publisher's name, else the one that the event's type names.
    pub(super) fn delivery(&self, source: &Source, publisher: Option<&str>) -> Result<Delivery, EventError> {
        match &self.0 {
            Kind::Raw(record) => Ok(Delivery {
                topic: record.topic.as_str().into(),
                key: record.key.clone(),
                headers: record.headers.clone(),
                value: record.value.clone(),
                ..Delivery::default()
            }),
            Kind::Event(event, id, time, context) => {
                let mut source = source.clone();
                source.takes_any_service = true;
                if let Some(name) = publisher.or(event.service()) {
                    source.service = Service::new(name, source.service.version.clone());
                }
                let message = source.message_at((**event).clone(), *id, *time, context.clone())?;
                let header = |(name, value): (&str, &str)| (name.to_owned(), value.as_bytes().to_vec());
                Ok(Delivery {
                    topic: Arc::from(message.topic.as_str()),
                    key: message.key().map(|key| key.as_bytes().to_vec()),
                    headers: message.headers().map(header).collect(),
                    value: Some(message.payload.clone().into_bytes()),
                    timestamp: Some(*time),
                    ..Delivery::default()
                })
            }
        }
    }
}

impl<E: Into<Event>> From<E> for Deliverable {
    fn from(event: E) -> Self {
        let event = Box::new(event.into());
        Self(Kind::Event(event, Uuid::now_v7(), Timestamp::now(), EventContext::current()))
    }
}

impl From<RawRecord> for Deliverable {
    fn from(record: RawRecord) -> Self {
        Self(Kind::Raw(record))
    }
}
