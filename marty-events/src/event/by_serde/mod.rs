//! Envelopes of arbitrary events beside those that `serde_json` writes of plain structs.

mod arbitrary;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    AuditEvent, AuditEventType, AuditOutcome, CustomEvent, DomainEvent, Event, EventMetadata, EventPriority,
    NotificationEvent, NotificationEventType, RiskLevel,
};
use arbitrary::{Arbitrary, Datum};

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

#[test]
fn a_key_that_is_not_a_text_is_refused_as_serde_json_refuses_it() {
    use std::collections::HashMap;

    #[track_caller]
    fn check<K: Serialize>(key: K) {
        struct Object<K>(K);

        impl<K: Serialize> Serialize for Object<K> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([(&self.0, 1)])
            }
        }

        let object = Object(key);
        let theirs = serde_json::to_string(&object).map_err(|error| error.to_string());
        let mut json = String::new();
        let ours = super::serializer::append(&mut json, &object).map(|()| json).map_err(|error| error.to_string());
        assert_eq!(ours, theirs);
    }

    check(());
    check(None::<String>);
    check(Some("key"));
    check([1, 2]);
    check((1, "a"));
    check(HashMap::from([("a", 1)]));
    check(f64::NAN);
    check(0.5);
    check(f32::MAX);
    check(i128::MIN);
    check('"');
    check(Datum::Nothing);
    check(Datum::Text("a".to_owned()));
    check(Datum::Pair(true, None));
    check(Datum::Fields { name: "a".to_owned(), inner: std::collections::BTreeMap::new() });
}
