//! Envelopes of arbitrary events beside those that `serde_json` writes of plain structs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    source::{Service, Source},
    topic::TopicPattern,
};
use crate::{
    AuditEvent, AuditEventType, AuditOutcome, CustomEvent, DomainEvent, Event, EventContext, EventMetadata,
    EventPriority, NotificationEvent, NotificationEventType, RiskLevel,
};

const ROUNDS: u64 = 1_000;

#[derive(Serialize)]
struct Envelope<'a, P> {
    metadata: &'a EventMetadata,
    event_type: &'a str,
    payload: P,
}

#[derive(Serialize)]
struct Audit<'a> {
    event_type: &'a str,
    action: &'a str,
    resource_type: &'a str,
    resource_id: Option<&'a str>,
    operation_details: &'a RawValue,
    previous_state: Option<&'a RawValue>,
    new_state: Option<&'a RawValue>,
    security_context: &'a RawValue,
    success: bool,
    outcome: AuditOutcome,
    error_message: Option<&'a str>,
    error_code: Option<&'a str>,
    compliance_tags: &'a [String],
    risk_level: RiskLevel,
}

#[derive(Serialize)]
struct Domain<'a> {
    aggregate_type: &'a str,
    aggregate_id: &'a str,
    event_type: &'a str,
    event_version: u32,
    event_data: &'a RawValue,
    business_context: &'a RawValue,
    schema_version: &'a str,
    schema_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Notification<'a> {
    event_type: &'a str,
    recipient_type: &'a str,
    recipient_ids: &'a [String],
    subject: &'a str,
    message: &'a str,
    message_template: Option<&'a str>,
    template_variables: &'a RawValue,
    channels: &'a [String],
    delivery_time: Option<&'a str>,
    expiry_time: Option<&'a str>,
    action_url: Option<&'a str>,
    action_label: Option<&'a str>,
    attachments: &'a [String],
}

/// A value of data, of every type that serde knows.
#[derive(Serialize)]
enum Datum {
    Nothing,
    Text(String),
    Letter(char),
    Bytes(Vec<u8>),
    Signed(i128),
    Unsigned(u64),
    Float(f64),
    Single(f32),
    Pair(bool, Option<i8>),
    List(Vec<Datum>),
    Fields { name: String, inner: BTreeMap<String, Datum> },
}

/// A generator whose values follow from its seed (splitmix64), so that a failure comes again.
struct Arbitrary(u64);

impl Arbitrary {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).expect("an index")]
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| value(self))
    }

    fn letter(&mut self) -> char {
        let code = match self.below(8) {
            0 => self.below(0x20),
            1 => u64::from(u32::from(self.one_of(&['"', '\\', '/', '\u{7f}', '\u{2028}', '\u{fffe}', '\u{1f680}']))),
            2 => self.below(0x11_0000),
            _ => 0x20 + self.below(0x5f),
        };
        u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{10ffff}')
    }

    fn text(&mut self) -> String {
        let length = self.below(40);
        (0..length).map(|_| self.letter()).collect()
    }

    fn texts(&mut self) -> Vec<String> {
        let length = self.below(4);
        (0..length).map(|_| self.text()).collect()
    }

    /// A text that an id or a type may have: not empty, and only visible characters.
    fn word(&mut self) -> String {
        let rest = self
            .text()
            .chars()
            .filter(|letter| super::texts::forbidden(&letter.to_string()).is_none())
            .collect::<String>();
        format!("w{rest}")
    }

    /// A part of a topic.
    fn part(&mut self) -> String {
        let length = 1 + self.below(20);
        (0..length).map(|_| self.one_of(&['a', 'Z', '7', '.', '_', '-'])).chain(['x']).collect()
    }

    fn datum(&mut self, depth: u64) -> Datum {
        match self.below(if 3 < depth { 9 } else { 11 }) {
            0 => Datum::Nothing,
            1 => Datum::Text(self.text()),
            2 => Datum::Letter(self.letter()),
            3 => Datum::Bytes(self.text().into_bytes()),
            4 => Datum::Signed(self.one_of(&[i128::MIN, i128::MAX, -1, 0])),
            5 => Datum::Unsigned(self.number()),
            6 => Datum::Float(self.one_of(&[f64::NAN, f64::INFINITY, -0.0, f64::MAX, f64::MIN_POSITIVE, 0.1, 1e21])),
            7 => Datum::Single(self.one_of(&[f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::EPSILON, 0.1])),
            8 => Datum::Pair(self.below(2) == 0, self.maybe(|arbitrary| arbitrary.one_of(&[i8::MIN, 7]))),
            9 => {
                let length = self.below(4);
                Datum::List((0..length).map(|_| self.datum(depth + 1)).collect())
            }
            _ => {
                let length = self.below(4);
                let inner = (0..length).map(|_| (self.text(), self.datum(depth + 1))).collect();
                Datum::Fields { name: self.text(), inner }
            }
        }
    }

    /// A context, and the metadata that tells of it.
    fn circumstances(&mut self, source: &Source, priority: EventPriority) -> (EventContext, EventMetadata) {
        let micros = i64::try_from(self.below(4_000_000_000_000_000)).expect("a time") - 1_000_000_000_000_000;
        let mut metadata = EventMetadata {
            event_id: Uuid::from_u64_pair(self.number(), self.number()),
            timestamp: Timestamp::from_microsecond(micros).expect("a time"),
            service_name: source.service.name.clone(),
            service_version: source.service.version.clone(),
            correlation_id: self.maybe(Self::text),
            causation_id: self.maybe(Self::text),
            user_id: self.maybe(Self::text),
            session_id: self.maybe(Self::text),
            trace_id: None,
            span_id: None,
            request_id: self.maybe(Self::text),
            priority,
            source_ip: self.maybe(Self::text),
            user_agent: self.maybe(Self::text),
            custom_headers: (0..self.below(3)).map(|_| (self.text(), self.text())).collect(),
        };
        let mut context = EventContext::new();
        context = metadata.correlation_id.iter().fold(context, EventContext::correlation_id);
        context = metadata.causation_id.iter().fold(context, EventContext::causation_id);
        context = metadata.user_id.iter().fold(context, EventContext::user_id);
        context = metadata.session_id.iter().fold(context, EventContext::session_id);
        context = metadata.request_id.iter().fold(context, EventContext::request_id);
        context = metadata.source_ip.iter().fold(context, EventContext::source_ip);
        context = metadata.user_agent.iter().fold(context, EventContext::user_agent);
        for (name, value) in &metadata.custom_headers {
            context = context.custom_header(name, value);
        }
        if self.below(2) == 0 {
            let (trace, span) = (format!("{:032x}", 1 | self.number()), format!("{:016x}", 1 | self.number()));
            context = context.trace(format!("00-{trace}-{span}-01"), None);
            (metadata.trace_id, metadata.span_id) = (Some(trace), Some(span));
        }
        (context, metadata)
    }

    fn source(&mut self) -> Source {
        let (name, version) = (self.part(), self.text());
        let service = Service::new(name, version);
        Source { service, topic_prefix: "marty".to_owned(), domain_topic: TopicPattern::default(), tracing: true }
    }
}

/// Completes the event and compares its value, headers and key.
#[track_caller]
fn check<P: Serialize>(
    arbitrary: &mut Arbitrary,
    priority: EventPriority,
    event: impl Into<Event>,
    (event_type, key): (&str, Option<&str>),
    payload: P,
) {
    let source = arbitrary.source();
    let (context, metadata) = arbitrary.circumstances(&source, priority);
    let message = source.message_at(event.into(), metadata.event_id, metadata.timestamp, context).expect("a message");
    let plain = serde_json::to_string(&Envelope { metadata: &metadata, event_type, payload }).expect("JSON");
    assert_eq!(message.payload, plain);
    let read: EventMetadata = serde_json::from_str::<serde_json::Value>(&message.payload)
        .and_then(|mut value| serde_json::from_value(value["metadata"].take()))
        .expect("what a consumer reads");
    assert_eq!(read, metadata);
    assert_eq!((&*message.event_type, message.key()), (event_type, key));
    let header = |wanted: &str| message.headers().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
    assert_eq!(header("ce_id"), Some(metadata.event_id.to_string()));
    assert_eq!(header("ce_time"), Some(format!("{:.6}", metadata.timestamp)));
    assert_eq!(header("ce_source").as_ref(), Some(&metadata.service_name));
    assert_eq!(header("ce_subject").as_deref(), key);
}

fn raw(value: &Datum) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("JSON")
}

const PRIORITIES: [EventPriority; 4] =
    [EventPriority::Low, EventPriority::Normal, EventPriority::High, EventPriority::Critical];

#[test]
fn an_audit_event_is_written_as_serde_json_writes_it() {
    let mut any = Arbitrary(1);
    let outcomes = [AuditOutcome::Success, AuditOutcome::Failure, AuditOutcome::Panicked, AuditOutcome::Cancelled];
    let levels = [RiskLevel::Low, RiskLevel::Medium, RiskLevel::High, RiskLevel::Critical];
    for _ in 0..ROUNDS {
        let (event_type, action, resource) = (any.word(), any.text(), any.text());
        let (id, details, rights) = (any.maybe(Arbitrary::word), any.datum(0), any.datum(0));
        let (before, after) = (any.maybe(|any| any.datum(0)), any.maybe(|any| any.datum(0)));
        let (message, code) = (any.maybe(Arbitrary::text), any.maybe(Arbitrary::text));
        let (tags, outcome, level) = (any.texts(), any.one_of(&outcomes), any.one_of(&levels));
        let priority = any.one_of(&PRIORITIES);
        let mut event = AuditEvent::new(AuditEventType::from(event_type.as_str()), &*action, &*resource)
            .data(&details)
            .security_context(&rights)
            .compliance_tags(&tags)
            .outcome(outcome)
            .risk_level(level)
            .priority(priority);
        event = id.iter().fold(event, AuditEvent::resource_id);
        event = before.iter().fold(event, AuditEvent::previous_state);
        event = after.iter().fold(event, AuditEvent::new_state);
        event = message.iter().fold(event, AuditEvent::error_message);
        event = code.iter().fold(event, AuditEvent::error_code);
        let (before, after) = (before.as_ref().map(raw), after.as_ref().map(raw));
        let plain = Audit {
            event_type: &event_type,
            action: &action,
            resource_type: &resource,
            resource_id: id.as_deref(),
            operation_details: &raw(&details),
            previous_state: before.as_deref(),
            new_state: after.as_deref(),
            security_context: &raw(&rights),
            success: outcome == AuditOutcome::Success,
            outcome,
            error_message: message.as_deref(),
            error_code: code.as_deref(),
            compliance_tags: &tags,
            risk_level: level,
        };
        check(&mut any, priority, event, (&event_type, id.as_deref()), plain);
    }
}

#[test]
fn a_domain_event_is_written_as_serde_json_writes_it() {
    let mut any = Arbitrary(2);
    for _ in 0..ROUNDS {
        let (aggregate, id, event_type) = (any.part(), any.word(), any.part());
        let (version, data, context) = (any.one_of(&[0, 1, 10, u32::MAX]), any.datum(0), any.datum(0));
        let (schema, url, priority) = (any.text(), any.maybe(Arbitrary::text), any.one_of(&PRIORITIES));
        let event = DomainEvent::new(&*aggregate, &id, &*event_type)
            .data(&data)
            .business_context(&context)
            .event_version(version)
            .schema(&*schema, url.clone())
            .priority(priority);
        let plain = Domain {
            aggregate_type: &aggregate,
            aggregate_id: &id,
            event_type: &event_type,
            event_version: version,
            event_data: &raw(&data),
            business_context: &raw(&context),
            schema_version: &schema,
            schema_url: url.as_deref(),
        };
        check(&mut any, priority, event, (&event_type, Some(&id)), plain);
    }
}

#[test]
fn a_notification_is_written_as_serde_json_writes_it() {
    let mut any = Arbitrary(3);
    for _ in 0..ROUNDS {
        let (event_type, kind, mut ids) = (any.word(), any.word(), any.texts());
        // The first id is the record's key.
        if let Some(first) = ids.first_mut() {
            *first = any.word();
        }
        let (subject, message, template) = (any.text(), any.text(), any.maybe(Arbitrary::text));
        let (variables, channels, files) = (any.datum(0), any.texts(), any.texts());
        let (delivery, expiry) = (any.maybe(Arbitrary::text), any.maybe(Arbitrary::text));
        let (action, priority) = (any.maybe(|any| (any.text(), any.text())), any.one_of(&PRIORITIES));
        let mut event = NotificationEvent::new(NotificationEventType::from(event_type.as_str()), &*kind, &ids)
            .subject(&*subject)
            .message(&*message)
            .data(&variables)
            .channels(&channels)
            .attachments(&files)
            .priority(priority);
        event = template.iter().fold(event, NotificationEvent::message_template);
        event = delivery.iter().fold(event, NotificationEvent::delivery_time);
        event = expiry.iter().fold(event, NotificationEvent::expiry_time);
        event = action.iter().fold(event, |event, (url, label)| event.action(url, label));
        let plain = Notification {
            event_type: &event_type,
            recipient_type: &kind,
            recipient_ids: &ids,
            subject: &subject,
            message: &message,
            message_template: template.as_deref(),
            template_variables: &raw(&variables),
            channels: &channels,
            delivery_time: delivery.as_deref(),
            expiry_time: expiry.as_deref(),
            action_url: action.as_ref().map(|(url, _)| &**url),
            action_label: action.as_ref().map(|(_, label)| &**label),
            attachments: &files,
        };
        let key = ids.first().unwrap_or(&kind);
        check(&mut any, priority, event, (&event_type, Some(key)), plain);
    }
}

#[test]
fn a_custom_event_is_written_as_serde_json_writes_it() {
    let mut any = Arbitrary(4);
    for _ in 0..ROUNDS {
        let (topic, event_type, key) = (any.part(), any.word(), any.maybe(Arbitrary::word));
        let (data, priority) = (any.datum(0), any.one_of(&PRIORITIES));
        let event = CustomEvent::new(&*topic, &*event_type).data(&data).priority(priority);
        let event = key.iter().fold(event, CustomEvent::key);
        check(&mut any, priority, event, (&event_type, key.as_deref()), raw(&data));
    }
}
