//! The complete event, as Kafka gets it by direct delivery or from the outbox.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Event, EventKind, EventOrdering, EventPriority, Metadata, metadata::Rfc3339, source::Source, texts, topic,
};
use super::{EventContext, trace::TraceContext};
use crate::EventError;

/// An event with its topic, key, headers and bytes.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "_publisher"), expect(dead_code, reason = "a test's recorder shows a part of it"))]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    pub(crate) kind: EventKind,
    pub(crate) topic: String,
    pub(crate) key: Option<String>,
    /// Messages with the same ordering key are delivered in order; without one there is no promise.
    #[cfg_attr(not(feature = "_database"), expect(dead_code, reason = "an outbox alone puts events in an order"))]
    pub(crate) ordering_key: Option<String>,
    /// The order is that of the commits, and not only that of the inserts.
    #[cfg_attr(
        not(any(feature = "postgres", feature = "mysql")),
        expect(dead_code, reason = "the order of the commits is kept where transactions run side by side")
    )]
    pub(crate) in_commit_order: bool,
    pub(crate) event_type: String,
    pub(crate) payload: Vec<u8>,
    stamp: Stamp,
    source: String,
    /// The span that the event was recorded in.
    trace: Option<Arc<TraceContext>>,
}

/// The parts that no two events share, as text.
#[derive(Debug, Clone)]
struct Stamp {
    id: String,
    time: String,
}

impl Message {
    /// `CloudEvents` 1.0 in the binary mode of its Kafka protocol binding (attributes as `ce_` headers), and the W3C
    /// trace context.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let attributes = [
            ("ce_specversion", "1.0"),
            ("ce_id", &self.stamp.id),
            ("ce_source", &self.source),
            ("ce_type", &self.event_type),
            ("ce_time", &self.stamp.time),
        ];
        let subject = self.key.as_deref().map(|key| ("ce_subject", key));
        let trace = self.trace.iter().flat_map(|trace| trace.headers());
        attributes.into_iter().chain(subject).chain([("content-type", "application/json")]).chain(trace)
    }

    /// The span that the event was recorded in.
    #[cfg(feature = "kafka")]
    pub(crate) fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_deref()
    }

    /// Bytes of the record batch that has this event alone: the size that a broker measures by `message.max.bytes`. It is above
    /// the size that librdkafka measures (`rd_kafka_msg_max_wire_size`: key, headers, value and 36 bytes).
    pub(crate) fn size(&self) -> usize {
        let text = |text: &str| varint(text.len()) + text.len();
        let (number, headers) =
            self.headers().fold((0, 0), |(number, size), (name, value)| (number + 1, size + text(name) + text(value)));
        // An absent key has the length -1, which takes one byte.
        let key = self.key.as_deref().map_or(1, text);
        let value = varint(self.payload.len()) + self.payload.len();
        let record = FIXED_PARTS + key + value + varint(number) + headers;
        BATCH_HEADER + varint(record) + record
    }
}

/// The header of a record batch (Kafka documentation, "Record Batch").
const BATCH_HEADER: usize = 61;
/// Attributes, time and offset of a batch's first record.
const FIXED_PARTS: usize = 3;

/// The bytes that a length takes in a record: 7 bits a byte, one of them for the sign.
fn varint(length: usize) -> usize {
    let bits = (usize::BITS - length.leading_zeros()) as usize + 1;
    bits.div_ceil(7)
}

/// The envelope around every payload.
#[derive(Serialize)]
struct Envelope<'a, P> {
    metadata: Metadata<'a>,
    event_type: &'a str,
    payload: &'a P,
}

/// Most envelopes fit.
const ENVELOPE_BYTES: usize = 2048;

impl Source {
    /// Completes `event` with a new id, the present time and the task's context.
    pub(crate) fn message(&self, event: Event) -> Result<Message, EventError> {
        self.message_at(event, Uuid::now_v7(), Timestamp::now(), EventContext::current())
    }

    /// The same with everything cut to a length that any producer takes.
    #[cfg(feature = "_publisher")]
    pub(crate) fn shortened_message(&self, event: Event) -> Result<Message, EventError> {
        let context = EventContext::current().shortened();
        self.message_at(event.shortened(), Uuid::now_v7(), Timestamp::now(), context)
    }

    /// A typed event of another service would stand on a topic, and in a catalogue, where nobody looks for it.
    fn check_service(&self, event: &Event) -> Result<(), EventError> {
        match event.service() {
            Some(service) if service != self.service_name && !self.takes_any_service => Err(EventError::OtherService {
                event_type: event.event_type().to_owned(),
                service,
                publisher: self.service_name.clone(),
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn message_at(
        &self,
        event: Event,
        id: Uuid,
        time: Timestamp,
        context: EventContext,
    ) -> Result<Message, EventError> {
        if let Some(error) = event.unwritable() {
            return Err(error);
        }
        self.check_service(&event)?;
        let prefix = &self.topic_prefix;
        let draft = Draft {
            source: self,
            id,
            kind: event.kind(),
            stamp: Stamp { id: id.to_string(), time: Rfc3339(time).to_string() },
            trace: if self.tracing { context.trace_now() } else { None },
            context,
        };
        match event {
            Event::Audit(audit) => {
                let payload = audit.payload;
                let topic = topic::prefixed(prefix, topic::AUDIT)?;
                let event_type = payload.event_type.as_str();
                let bytes = draft.envelope(event_type, payload.resource_id.as_deref(), audit.priority, &payload)?;
                Ok(draft.message(topic, payload.event_type.into(), payload.resource_id, bytes))
            }
            Event::Domain(domain) => {
                let payload = domain.payload;
                let (aggregate, event_type) = (&payload.aggregate_type, &payload.event_type);
                let topic = self.domain_topic.domain(prefix, &self.service_name, aggregate, event_type)?;
                let bytes = draft.envelope(event_type, Some(&payload.aggregate_id), domain.priority, &payload)?;
                let ordering_key = match domain.ordering {
                    EventOrdering::Key | EventOrdering::Commit => {
                        Some([aggregate, "/", &payload.aggregate_id].concat())
                    }
                    EventOrdering::None => None,
                };
                let message = draft.message(topic, payload.event_type, Some(payload.aggregate_id), bytes);
                Ok(Message { ordering_key, in_commit_order: domain.ordering == EventOrdering::Commit, ..message })
            }
            Event::Notification(notification) => {
                let payload = notification.payload;
                let topic = topic::prefixed(prefix, topic::NOTIFICATION)?;
                let key = payload.recipient_ids.first().unwrap_or(&payload.recipient_type).clone();
                let event_type = payload.event_type.as_str();
                let bytes = draft.envelope(event_type, Some(&key), notification.priority, &payload)?;
                Ok(draft.message(topic, payload.event_type.into(), Some(key), bytes))
            }
            Event::Custom(custom) => {
                let topic = topic::custom(prefix, &custom.topic)?;
                let key = custom.key.as_deref();
                let bytes = draft.envelope(&custom.event_type, key, custom.priority, &custom.payload)?;
                Ok(draft.message(topic, custom.event_type, custom.key, bytes))
            }
        }
    }
}

/// The parts of a message that its source and context decide.
struct Draft<'a> {
    source: &'a Source,
    id: Uuid,
    kind: EventKind,
    stamp: Stamp,
    trace: Option<Arc<TraceContext>>,
    context: EventContext,
}

impl Draft<'_> {
    /// The value of the record, where there is nothing wrong with type and key.
    fn envelope<P: Serialize>(
        &self,
        event_type: &str,
        key: Option<&str>,
        priority: EventPriority,
        payload: &P,
    ) -> Result<Vec<u8>, EventError> {
        let invalid = |event_type: &str, problem: &str| EventError::InvalidEvent {
            event_type: event_type.to_owned(),
            problem: problem.to_owned(),
        };
        if event_type.is_empty() {
            return Err(invalid("", "its type is empty"));
        }
        if key == Some("") {
            return Err(invalid(event_type, "its id is empty; give the id of what it is about"));
        }
        for (part, header, text) in [("type", "ce_type", Some(event_type)), ("id", "ce_subject", key)] {
            if let Some(letter) = text.and_then(texts::forbidden) {
                let letter = u32::from(letter);
                let problem = format!(
                    "its {part} has the character U+{letter:04X}, which CloudEvents forbids in `{header}`; leave it out, or encode it"
                );
                return Err(invalid(event_type, &problem));
            }
        }
        let trace = self.trace.as_deref();
        let metadata = self.context.metadata(self.source, &self.stamp.id, &self.stamp.time, priority, trace);
        let mut bytes = Vec::with_capacity(ENVELOPE_BYTES);
        serde_json::to_writer(&mut bytes, &Envelope { metadata, event_type, payload })
            .map_err(|source| EventError::Serialize { field: "payload".to_owned(), source })?;
        Ok(bytes)
    }

    fn message(self, topic: String, event_type: String, key: Option<String>, payload: Vec<u8>) -> Message {
        Message {
            id: self.id,
            kind: self.kind,
            topic,
            key,
            ordering_key: None,
            in_commit_order: false,
            event_type,
            payload,
            stamp: self.stamp,
            source: self.source.service_name.clone(),
            trace: self.trace,
        }
    }
}
