//! Every form of an event is read, and nothing that a publisher can send breaks the reader.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Envelope, Form, Incoming, Opened, open};
use crate::{
    DecodeError, DomainEvent, EventContext,
    consumer::{
        HandlerFailure, Received,
        payload::{self, Payload, ReceivedArgument, TypedPayload},
    },
    event::{
        source::{Service, Source},
        topic::TopicPattern,
    },
    inbox::Delivery,
};

const ID: &str = "01900000-0000-7000-8000-000000000001";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, DomainEvent)]
#[event(crate = crate, service = "certificates", aggregate_type = "certificate", event_type = "revoked")]
struct RevokedV1 {
    #[event(id)]
    serial: u64,
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, DomainEvent)]
#[event(crate = crate, service = "certificates", aggregate_type = "certificate", event_type = "revoked", event_version = 2, from = RevokedV1)]
struct Revoked {
    #[event(id)]
    serial: u64,
    reason: String,
}

impl From<RevokedV1> for Revoked {
    fn from(old: RevokedV1) -> Self {
        Self { serial: old.serial, reason: "unspecified".to_owned() }
    }
}

fn opened(deliveries: Vec<Delivery>) -> Vec<Incoming> {
    deliveries.into_iter().map(|delivery| Arc::new(open(delivery))).collect()
}

fn typed<A: ReceivedArgument<Payload: TypedPayload + Payload>>(deliveries: Vec<Delivery>) -> Result<A, HandlerFailure> {
    (payload::typed().read)(opened(deliveries))
}

fn named<A: ReceivedArgument<Payload: Payload>>(deliveries: Vec<Delivery>) -> Result<A, HandlerFailure> {
    (payload::named("t", &[]).read)(opened(deliveries))
}

fn plain<A: ReceivedArgument<Payload: Payload>>(deliveries: Vec<Delivery>) -> Result<A, HandlerFailure> {
    (payload::plain("t").read)(opened(deliveries))
}

fn record(headers: &[(&str, &str)], value: impl Into<Vec<u8>>) -> Delivery {
    Delivery {
        topic: "marty.t".into(),
        partition: 3,
        offset: 9,
        key: Some(b"k".to_vec()),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
        value: Some(value.into()),
        ..Delivery::default()
    }
}

/// The record that this library makes of an event.
fn own(event: impl Into<crate::Event>, context: EventContext) -> Delivery {
    let source = Source {
        service: Service::new("certificates", "1"),
        takes_any_service: false,
        topic_prefix: "marty".to_owned(),
        domain_topic: TopicPattern::default(),
        schema_base_url: None,
        tracing: true,
    };
    let id = ID.parse().expect("a UUID");
    let message = source.message_at(event.into(), id, jiff::Timestamp::UNIX_EPOCH, context).expect("a message");
    Delivery {
        topic: message.topic.as_str().into(),
        key: message.key().map(|key| key.as_bytes().to_vec()),
        headers: message.headers().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect(),
        value: Some(message.payload.clone().into_bytes()),
        ..Delivery::default()
    }
}

fn one<T>(read: Result<Received<T>, HandlerFailure>) -> T {
    read.expect("an event").into_inner()
}

fn fault<T>(read: Result<Received<T>, HandlerFailure>) -> DecodeError {
    match read {
        Err(HandlerFailure::Unreadable(error)) => error,
        other => panic!("unreadable, and not {:?}", other.map(|_| ())),
    }
}

#[test]
fn an_event_of_this_library_is_read_with_its_circumstances() {
    let context = EventContext::new().correlation_id("corr").causation_id("cause").user_id("alice").trace(TRACE, None);
    let delivery = own(Revoked { serial: 7, reason: "lost".to_owned() }, context);
    let event: Received<Revoked> = typed(vec![delivery.clone()]).expect("an event");
    assert_eq!((event.serial, event.reason.as_str()), (7, "lost"));
    assert_eq!((event.id(), event.event_type(), event.event_version()), (ID, Some("revoked"), Some(2)));
    assert_eq!((event.correlation_id(), event.causation_id()), (Some("corr"), Some("cause")));
    assert_eq!((event.user_id(), event.key(), event.attempt()), (Some("alice"), Some("7"), 1));
    assert_eq!(event.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(event.timestamp(), Some(jiff::Timestamp::UNIX_EPOCH));
    assert_eq!(event.header("CE_TYPE").as_deref(), Some("revoked"));
    assert!(!format!("{event:?}").contains("lost"), "{event:?}");

    // The same without any header: a copy by a tool that drops them.
    let bare = Delivery { headers: Vec::new(), ..delivery.clone() };
    let (with, without) = (open(delivery.clone()), open(bare.clone()));
    assert_eq!(with.identity, without.identity);
    assert_eq!((with.user_id, with.event_type, with.time), (without.user_id, without.event_type, without.time));
    assert_eq!(one(typed::<Received<Revoked>>(vec![bare])).serial, 7);

    // A handler that names its topic has the envelope's payload.
    let payload: Value = one(named(vec![delivery]));
    assert_eq!((&payload["aggregate_type"], &payload["event_data"]["serial"]), (&json!("certificate"), &json!(7)));
}

#[test]
fn an_older_version_is_read_as_the_newest() {
    let delivery = own(RevokedV1 { serial: 7 }, EventContext::new());
    let event: Received<Revoked> = typed(vec![delivery]).expect("an event");
    assert_eq!((event.reason.as_str(), event.event_version()), ("unspecified", Some(1)));
}

#[test]
fn a_batch_is_read_in_its_order() {
    let deliveries = (1..=3).map(|serial| own(RevokedV1 { serial }, EventContext::new())).collect();
    let events: Vec<Received<Revoked>> = typed(deliveries).expect("events");
    assert_eq!(events.iter().map(|event| event.serial).collect::<Vec<_>>(), [1, 2, 3]);
}

/// The example of the framework's publisher: no header, ids of version 4, a time with an offset.
#[test]
fn the_python_frameworks_envelope_is_read() {
    let value = json!({
        "metadata": {
            "event_id": "0f6ee1a8-6a9f-4d5c-9a41-3b0c0a6c2f11", "timestamp": "2026-01-02T03:04:05.006789+00:00",
            "service_name": "users", "service_version": "1.0", "correlation_id": "corr", "causation_id": null,
            "user_id": 42, "trace_id": null, "priority": "normal", "custom_headers": {"a": [1]}
        },
        "event_type": "user.login.failed",
        "payload": {"event_type": "user.login.failed", "action": "login", "success": false}
    });
    let event: Received<Value> = named(vec![record(&[], value.to_string())]).expect("an event");
    assert_eq!(event["action"], "login");
    assert_eq!(event.id(), "0f6ee1a8-6a9f-4d5c-9a41-3b0c0a6c2f11");
    assert_eq!((event.user_id(), event.correlation_id(), event.trace_id()), (Some("42"), Some("corr"), None));
    assert_eq!(event.timestamp().map(|time| time.to_string()).as_deref(), Some("2026-01-02T03:04:05.006789Z"));
}

#[test]
fn cloud_events_of_both_modes_are_read() {
    let binary = record(
        &[
            ("ce_specversion", "1.0"),
            ("ce_id", "7"),
            ("ce_source", "/shop"),
            ("ce_type", "revoked"),
            ("traceparent", TRACE),
        ],
        r#"{"serial": 7, "reason": "lost"}"#,
    );
    let structured = record(
        &[("content-type", "application/cloudevents+json; charset=UTF-8")],
        json!({
            "specversion": "1.0", "id": "7", "source": "/shop", "type": "revoked", "traceparent": TRACE, "x": {"y": 1},
            "correlationid": "corr", "data": {"serial": 7, "reason": "lost"}
        })
        .to_string(),
    );
    for delivery in [binary, structured] {
        assert_eq!(one(named::<Received<Value>>(vec![delivery.clone()]))["serial"], 7);
        let event: Received<Revoked> = typed(vec![delivery.clone()]).expect("an event");
        assert_eq!((event.serial, event.id(), event.event_type()), (7, "7", Some("revoked")));
        assert_eq!(event.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(open(delivery.clone()).identity.event_id, "/shop#7");
    }
}

#[test]
fn a_value_without_an_envelope_is_the_payload_where_the_handler_says_so() {
    let delivery = record(&[], r#"{"price": 3}"#);
    assert_eq!(one(plain::<Received<Value>>(vec![delivery.clone()]))["price"], 3);
    assert!(matches!(fault(named::<Received<Value>>(vec![delivery.clone()])), DecodeError::Envelope { .. }));
    assert!(matches!(fault(typed::<Received<Revoked>>(vec![delivery])), DecodeError::Envelope { .. }));
    let tombstone = Delivery { value: None, ..record(&[], "") };
    assert_eq!(one(plain::<Received<Option<u8>>>(vec![tombstone.clone()])), None);
    assert!(open(tombstone.clone()).is_tombstone());
    assert!(matches!(fault(named::<Received<Value>>(vec![tombstone])), DecodeError::Envelope { .. }));
}

fn id(headers: &[(&str, &str)], value: &str) -> String {
    open(record(headers, value)).identity.event_id
}

#[test]
fn an_id_is_one_of_its_source_unless_it_is_a_uuid() {
    assert_eq!(id(&[("ce_id", ID), ("ce_source", "a")], "{}"), ID);
    assert_ne!(id(&[("ce_id", "1"), ("ce_source", "a")], "{}"), id(&[("ce_id", "1"), ("ce_source", "b")], "{}"));
    assert_eq!(id(&[("ce_id", "1")], "{}"), "marty.t#1");
    assert_eq!(id(&[], "no JSON"), "marty.t:3:9");
    assert_eq!(id(&[("ce_id", "")], "{}"), "marty.t:3:9");
}

#[test]
fn ids_and_keys_fit_into_the_tables() {
    let long = "x".repeat(300);
    let same = id(&[("ce_id", &long), ("ce_source", "a")], "{}");
    assert_eq!(same, id(&[("ce_id", &long), ("ce_source", "a")], "{}"));
    assert_ne!(same, id(&[("ce_id", &format!("{long}y")), ("ce_source", "a")], "{}"));
    // PostgreSQL stores no zero.
    for id in [same, id(&[("ce_id", "a\0b"), ("ce_source", "a")], "{}")] {
        assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    }
    let key = |key: Option<&[u8]>| {
        open(Delivery { key: key.map(<[u8]>::to_vec), ..record(&[("ce_id", ID)], "{}") }).identity.key
    };
    assert_eq!(key(Some(b"\xff\0")), b"\xff\0");
    assert_eq!(key(None), ID.as_bytes());
    assert_eq!(key(Some(b"")), ID.as_bytes());
    assert_eq!(key(Some(long.as_bytes())).len(), 71);
    assert_ne!(key(Some(long.as_bytes())), key(Some(format!("{long}y").as_bytes())));
}

#[test]
fn the_context_of_a_handler_carries_the_event_on() {
    let delivery =
        own(RevokedV1 { serial: 7 }, EventContext::new().correlation_id("corr").user_id("alice").trace(TRACE, None));
    let context = open(delivery.clone()).context();
    let next = own(RevokedV1 { serial: 8 }, context);
    let value: Value = serde_json::from_slice(&next.value.expect("a value")).expect("JSON");
    let metadata = &value["metadata"];
    assert_eq!(
        (&metadata["causation_id"], &metadata["correlation_id"], &metadata["user_id"], &metadata["trace_id"]),
        (&json!(ID), &json!("corr"), &json!("alice"), &json!("4bf92f3577b34da6a3ce929d0e0e4736"))
    );
}

#[test]
fn hostile_records_are_faults_that_do_not_show_the_data() {
    let deep =
        format!(r#"{{"metadata":{{}},"event_type":"revoked","payload":{}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    let enveloped = |payload: &str| format!(r#"{{"metadata":{{}},"event_type":"revoked","payload":{payload}}}"#);
    let secret = r#"{"aggregate_type":"certificate","event_version":2,"event_data":{"serial":"secret","reason":1}}"#;
    let newer = r#"{"aggregate_type":"certificate","event_version":9,"event_data":{"secret":1}}"#;
    let huge = r#"{"aggregate_type":"certificate","event_version":99999999999,"event_data":{"secret":1}}"#;
    let structured = [("content-type", "application/cloudevents+json")];
    let batch = [("content-type", "application/cloudevents-batch+json")];
    for (headers, value) in [
        (&[][..], Vec::new()),
        (&[], b"\xff\xfe secret".to_vec()),
        (&[], b"\xef\xbb\xbf{}".to_vec()),
        (&[], b"null".to_vec()),
        (&[], b"[\"secret\"]".to_vec()),
        (&[], b"{\"metadata\":{},\"event_type\":\"revoked\",\"event_type\":\"secret\",\"payload\":1}".to_vec()),
        (&[], b"{\"metadata\":\"secret\",\"event_type\":\"revoked\",\"payload\":{}}".to_vec()),
        (&[], deep.into_bytes()),
        (&[], enveloped("{\"secret\":").into_bytes()),
        (&[], enveloped(secret).into_bytes()),
        (&[], enveloped(newer).into_bytes()),
        (&[], enveloped(huge).into_bytes()),
        (&[], enveloped("\"secret\"").into_bytes()),
        (&structured, b"secret".to_vec()),
        (&structured, b"{}".to_vec()),
        (&structured, b"{\"id\":\"1\",\"data\":\"secret\"}".to_vec()),
        (&structured, b"{\"id\":\"1\",\"type\":\"revoked\",\"data\":\"secret\"}".to_vec()),
        (&structured, b"{\"id\":\"1\",\"type\":\"revoked\",\"data_base64\":\"c2VjcmV0\"}".to_vec()),
        (&structured, b"{\"id\":\"1\",\"type\":\"revoked\"}".to_vec()),
        (&batch, b"[{\"id\":\"1\",\"type\":\"revoked\",\"data\":\"secret\"}]".to_vec()),
        (&[("ce_id", "1"), ("ce_type", "revoked")], b"secret".to_vec()),
        (&[("ce_id", "1"), ("ce_type", "other")], b"{\"secret\":1}".to_vec()),
    ] {
        let delivery = record(headers, value);
        let text = fault(typed::<Received<Revoked>>(vec![delivery.clone()])).to_string();
        assert!(!text.contains("secret"), "{text}");
        let opened: Opened = open(delivery.clone());
        assert!(!opened.identity.event_id.is_empty() && !opened.identity.key.is_empty());
        let number: Result<Received<u8>, _> = named(vec![delivery]);
        if let Err(failure) = number {
            assert!(!failure.to_string().contains("secret"), "{failure}");
        }
    }
}

#[test]
fn headers_go_before_the_value() {
    let other = Uuid::from_u128(5).to_string();
    let mut delivery = own(RevokedV1 { serial: 7 }, EventContext::new());
    delivery.headers = vec![("ce_id".to_owned(), other.clone().into_bytes()), ("ce_type".to_owned(), b"\xff".to_vec())];
    let envelope = Envelope::read(&delivery);
    assert_eq!(envelope.id.as_deref(), Some(other.as_str()));
    // A header that is not UTF-8 counts as absent.
    assert_eq!(envelope.event_type.as_deref(), Some("revoked"));
    assert!(matches!(envelope.form, Form::Enveloped { .. }));
}

#[test]
fn an_id_is_of_one_source_and_a_place_of_one_record() {
    let id = |delivery: &Delivery| open(delivery.clone()).identity.event_id;
    let event =
        |source: &str, id: &str| record(&[("ce_id", id), ("ce_source", source), ("ce_type", "t")], b"{}".to_vec());
    assert_eq!(id(&event("a", "1")), "a#1");
    assert_ne!(id(&event("a#b", "c")), id(&event("a", "b#c")));
    assert_ne!(id(&event("a#b", "c")), id(&event("a#b#c", "")));
    // The topic was made again, and its offsets begin anew.
    let mut first = record(&[], b"{}".to_vec());
    first.timestamp = Some("2026-01-01T00:00:00Z".parse().expect("a time"));
    let mut second = first.clone();
    second.timestamp = Some("2026-01-01T00:00:01Z".parse().expect("a time"));
    assert_eq!(id(&first), id(&first.clone()));
    assert_ne!(id(&first), id(&second));
}
