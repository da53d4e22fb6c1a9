//! The complete event, as Kafka gets it by direct delivery or from the outbox.

use std::{borrow::Cow, ops::Range, sync::Arc};

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Circumstances, Event, EventContext, EventKind, EventOrdering, EventPriority,
    aggregate::Aggregate,
    json::{push_fields, push_optional, push_text, push_word},
    metadata::push_time,
    source::{Service, Source},
    texts, topic,
    trace::TraceContext,
};
use crate::EventError;

/// An event with its topic, key, headers and bytes.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    pub(crate) kind: EventKind,
    pub(crate) topic: String,
    key: Key,
    /// The order is that of the commits, and not only that of the inserts.
    pub(crate) in_commit_order: bool,
    pub(crate) event_type: Cow<'static, str>,
    /// The record's value. Its id and its time are the headers' too, so those are read from it.
    pub(crate) payload: String,
    /// The place of the time in the payload.
    time: Range<usize>,
    service: Arc<Service>,
    /// The place of the schema of a domain event's data.
    data_schema: Option<String>,
    /// The span that the event was recorded in.
    trace: Option<Arc<TraceContext>>,
}

/// The key of a record.
#[derive(Debug, Clone)]
enum Key {
    None,
    Text(String),
    Aggregate { aggregate: Aggregate, is_ordered: bool },
}

impl Message {
    /// The record's key.
    pub(crate) fn key(&self) -> Option<&str> {
        match &self.key {
            Key::None => None,
            Key::Text(key) => Some(key),
            Key::Aggregate { aggregate, .. } => Some(aggregate.id()),
        }
    }

    /// Messages with the same ordering key are delivered in order. A message without one is promised no order.
    pub(crate) fn ordering_key(&self) -> Option<&str> {
        match &self.key {
            Key::Aggregate { aggregate, is_ordered: true } => Some(aggregate.ordering_key()),
            Key::Aggregate { .. } | Key::Text(_) | Key::None => None,
        }
    }

    /// `CloudEvents` 1.0 in the binary mode of its Kafka protocol binding (attributes as `ce_` headers), and the W3C
    /// trace context.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let attributes = [
            ("ce_specversion", "1.0"),
            ("ce_id", &self.payload[ID]),
            ("ce_source", &self.service.name),
            ("ce_type", &self.event_type),
            ("ce_time", &self.payload[self.time.clone()]),
        ];
        let subject = self.key().map(|key| ("ce_subject", key));
        let schema = self.data_schema.as_deref().map(|url| ("ce_dataschema", url));
        let trace = self.trace.iter().flat_map(|trace| trace.headers());
        attributes.into_iter().chain(subject).chain(schema).chain([("content-type", "application/json")]).chain(trace)
    }

    /// The span that the event was recorded in.
    pub(crate) fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_deref()
    }

    /// A number that [`size`](Self::size) does not exceed, at less cost.
    pub(crate) fn most_size(&self) -> usize {
        let key = self.key().map_or(0, str::len);
        let schema = self.data_schema.as_ref().map_or(0, String::len);
        let trace = self.trace().into_iter().flat_map(TraceContext::headers).map(|(_, value)| value.len());
        // The key is a header too.
        let texts = 2 * key + self.event_type.len() + self.service.name.len() + schema + trace.sum::<usize>();
        self.payload.len() + texts + MOST_OTHERS
    }

    /// Bytes of the record batch that has this event alone: the size that a broker measures by `message.max.bytes`. It is above
    /// the size that librdkafka measures (`rd_kafka_msg_max_wire_size`: key, headers, value and 36 bytes).
    pub(crate) fn size(&self) -> usize {
        let text = |text: &str| varint(text.len()) + text.len();
        let (number, headers) =
            self.headers().fold((0, 0), |(number, size), (name, value)| (number + 1, size + text(name) + text(value)));
        // An absent key has the length -1, which takes one byte.
        let key = self.key().map_or(1, text);
        let value = varint(self.payload.len()) + self.payload.len();
        let record = FIXED_PARTS + key + value + varint(number) + headers;
        BATCH_HEADER + varint(record) + record
    }
}

/// The header of a record batch (Kafka documentation, "Record Batch").
const BATCH_HEADER: usize = 61;
/// Attributes, time and offset of a batch's first record.
const FIXED_PARTS: usize = 3;

/// More than id and time in the headers, the headers' names, their lengths and the batch's frame take.
const MOST_OTHERS: usize = 512;

/// The bytes that a length takes in a record: 7 bits a byte, one of them for the sign.
fn varint(length: usize) -> usize {
    let bits = (usize::BITS - length.leading_zeros()) as usize + 1;
    bits.div_ceil(7)
}

/// The begin of every envelope, before the id.
const BEGIN: &str = r#"{"metadata":{"event_id":""#;
/// The place of the id in the payload.
const ID: Range<usize> = BEGIN.len()..BEGIN.len() + uuid::fmt::Hyphenated::LENGTH;
/// Room for the envelopes of most events, without their data.
const ENVELOPE_BYTES: usize = 1024;

impl Source {
    /// Completes `event` with a new id, the present time and the task's context.
    pub(crate) fn message(&self, event: Event) -> Result<Message, EventError> {
        self.message_at(event, Uuid::now_v7(), Timestamp::now(), EventContext::current())
    }

    /// The same with everything cut to a length that any producer takes.
    pub(crate) fn shortened_message(&self, event: Event) -> Result<Message, EventError> {
        let context = EventContext::current().shortened();
        self.message_at(event.shortened(), Uuid::now_v7(), Timestamp::now(), context)
    }

    /// A typed event of another service would stand on a topic, and in a catalogue, where nobody looks for it.
    fn check_service(&self, event: &Event) -> Result<(), EventError> {
        match event.service() {
            Some(service) if service != self.service.name && !self.takes_any_service => Err(EventError::OtherService {
                event_type: event.event_type().to_owned(),
                service,
                publisher: self.service.name.clone(),
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
        let trace = if self.tracing { context.trace_now() } else { None };
        let draft = Draft { source: self, id, time, kind: event.kind(), trace, context };
        match event {
            Event::Audit(audit) => {
                let payload = audit.payload;
                let topic = topic::prefixed(prefix, topic::AUDIT)?;
                check(payload.event_type.as_str(), payload.resource_id.as_deref())?;
                let event_type = payload.event_type.as_str();
                let value = draft.value(event_type, audit.priority, payload.data_length(), |json| payload.push(json));
                let key = payload.resource_id.map_or(Key::None, Key::Text);
                Ok(draft.message(topic, payload.event_type.into(), key, value))
            }
            Event::Domain(domain) => {
                let (mut payload, ordering) = (domain.payload, domain.ordering);
                let data_schema = self.place_schema(&mut payload)?;
                let (aggregate, event_type) = (&payload.aggregate, &*payload.event_type);
                let topic =
                    self.domain_topic.domain(prefix, &self.service.name, aggregate.aggregate_type(), event_type)?;
                check(event_type, Some(aggregate.id()))?;
                let value = draft.value(event_type, domain.priority, payload.data_length(), |json| payload.push(json));
                let is_ordered = matches!(ordering, EventOrdering::Key | EventOrdering::Commit);
                let key = Key::Aggregate { aggregate: payload.aggregate, is_ordered };
                let message = draft.message(topic, payload.event_type, key, value);
                Ok(Message { in_commit_order: ordering == EventOrdering::Commit, data_schema, ..message })
            }
            Event::Notification(notification) => {
                let payload = notification.payload;
                let topic = topic::prefixed(prefix, topic::NOTIFICATION)?;
                let key = payload.recipient_ids.first().unwrap_or(&payload.recipient_type);
                let event_type = payload.event_type.as_str();
                check(event_type, Some(key))?;
                let key = Key::Text(key.clone());
                let (priority, length) = (notification.priority, payload.data_length());
                let value = draft.value(event_type, priority, length, |json| payload.push(json));
                Ok(draft.message(topic, payload.event_type.into(), key, value))
            }
            Event::Custom(custom) => {
                let topic = topic::custom(prefix, &custom.topic)?;
                check(&custom.event_type, custom.key.as_deref())?;
                let data = custom.payload.text();
                let value = draft.value(&custom.event_type, custom.priority, data.len(), |json| json.push_str(data));
                Ok(draft.message(topic, custom.event_type, custom.key.map_or(Key::None, Key::Text), value))
            }
        }
    }
}

/// Refuses a type and a key that no record can have.
fn check(event_type: &str, key: Option<&str>) -> Result<(), EventError> {
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
    Ok(())
}

/// The parts of a message that its source and context decide.
struct Draft<'a> {
    source: &'a Source,
    id: Uuid,
    time: Timestamp,
    kind: EventKind,
    trace: Option<Arc<TraceContext>>,
    context: EventContext,
}

/// A record's value, and the place of the time in it.
struct Value {
    json: String,
    time: Range<usize>,
}

impl Draft<'_> {
    /// Writes the envelope: metadata, type and payload.
    fn value(
        &self,
        event_type: &str,
        priority: EventPriority,
        data_length: usize,
        push_payload: impl FnOnce(&mut String),
    ) -> Value {
        let mut json = String::with_capacity(ENVELOPE_BYTES + data_length);
        json.push_str(BEGIN);
        json.push_str(self.id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        json.push_str(r#"","timestamp":""#);
        let begin = json.len();
        push_time(&mut json, self.time);
        let time = begin..json.len();
        json.push('"');
        json.push_str(&self.source.service.json);
        self.context.circumstances(self.trace.as_deref()).push(&mut json, priority);
        json.push_str(r#"},"event_type":"#);
        push_text(&mut json, event_type);
        json.push_str(r#","payload":"#);
        push_payload(&mut json);
        json.push('}');
        Value { json, time }
    }

    fn message(self, topic: String, event_type: Cow<'static, str>, key: Key, value: Value) -> Message {
        Message {
            id: self.id,
            kind: self.kind,
            topic,
            key,
            in_commit_order: false,
            event_type,
            payload: value.json,
            time: value.time,
            service: Arc::clone(&self.source.service),
            data_schema: None,
            trace: self.trace,
        }
    }
}

impl Circumstances<'_> {
    /// The metadata behind the service's version.
    fn push(&self, json: &mut String, priority: EventPriority) {
        push_fields! {
            json, ",",
            "correlation_id": push_optional(self.correlation_id),
            "causation_id": push_optional(self.causation_id),
            "user_id": push_optional(self.user_id),
            "session_id": push_optional(self.session_id),
            "trace_id": push_optional(self.trace_id),
            "span_id": push_optional(self.span_id),
            "request_id": push_optional(self.request_id),
            "priority": push_word(priority.as_str()),
            "source_ip": push_optional(self.source_ip),
            "user_agent": push_optional(self.user_agent),
        }
        json.push_str(r#","custom_headers":{"#);
        for (index, (name, value)) in self.custom_headers.iter().enumerate() {
            if 0 < index {
                json.push(',');
            }
            push_text(json, name);
            json.push(':');
            push_text(json, value);
        }
        json.push('}');
    }
}
