//! Typed events have the bytes of their untyped twins, and are read in every version.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{TypedEvent, TypedEventKind, decode, decode_envelope};
use crate::{
    CustomEvent, DecodeError, DomainEvent, Event, EventContext, EventError,
    event::{
        envelope::Message,
        source::{Service, Source},
        topic::TopicPattern,
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Serial(String);

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, DomainEvent)]
#[event(crate = crate, service = "certificates", aggregate_type = "certificate", event_type = "revoked")]
struct RevokedV1 {
    #[event(id)]
    serial: Serial,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, DomainEvent)]
#[event(crate = crate, service = "certificates", aggregate_type = "certificate", event_type = "revoked", event_version = 2, from = RevokedV1)]
struct RevokedV2 {
    #[event(id)]
    serial: Serial,
    reason: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, DomainEvent)]
#[event(crate = crate, service = "certificates", aggregate_type = "certificate", event_type = "revoked", event_version = 4, from = RevokedV2)]
struct Revoked {
    #[event(id)]
    serial: Serial,
    reasons: Vec<String>,
}

impl From<RevokedV1> for RevokedV2 {
    fn from(old: RevokedV1) -> Self {
        Self { serial: old.serial, reason: "unspecified".to_owned() }
    }
}

impl From<RevokedV2> for Revoked {
    fn from(old: RevokedV2) -> Self {
        Self { serial: old.serial, reasons: vec![old.reason] }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, CustomEvent)]
#[event(crate = crate, topic = "billing.ledger", event_type = "entry_posted")]
struct EntryPosted<'a> {
    #[event(id)]
    account: &'a str,
    cents: u64,
}

#[derive(Serialize, CustomEvent)]
#[event(crate = crate, topic = "billing.ledger", event_type = "closed")]
struct Closed {}

#[derive(Debug, PartialEq, Serialize, Deserialize, DomainEvent)]
#[event(crate = crate, aggregate_type = "certificate")]
#[serde(untagged)]
enum Lifecycle<T: Serialize> {
    #[event(event_type = "issued")]
    Issued {
        #[event(id)]
        serial: u64,
        profile: T,
    },
    #[event(event_type = "expired")]
    Expired {
        #[event(id)]
        number: u64,
    },
}

#[derive(Serialize, DomainEvent)]
#[event(crate = crate, aggregate_type = "user", schema_version = "2.1")]
#[serde(untagged)]
enum User {
    #[event(event_type = "created", schema_url = "https://schemas.example.com/created.json")]
    Created {
        #[event(id)]
        id: u64,
    },
    #[event(event_type = "renamed")]
    Renamed {
        #[event(id)]
        id: u64,
    },
}

fn source() -> Source {
    Source {
        service: Service::new("certificates", "1.2.3"),
        takes_any_service: false,
        topic_prefix: "marty".to_owned(),
        domain_topic: TopicPattern::default(),
        schema_base_url: None,
        tracing: true,
    }
}

fn message(source: &Source, event: impl Into<Event>) -> Result<Message, EventError> {
    let context = EventContext::new().correlation_id("corr-1");
    source.message_at(event.into(), Uuid::from_u128(7), Timestamp::UNIX_EPOCH, context)
}

/// Topic, key, headers and value.
fn on_the_wire(event: impl Into<Event>) -> (String, Option<String>, Option<String>, Vec<String>, String) {
    let message = message(&source(), event).expect("a message");
    let headers = message.headers().map(|(name, value)| format!("{name}={value}")).collect();
    let (key, ordering_key) = (message.key().map(str::to_owned), message.ordering_key().map(str::to_owned));
    (message.topic, key, ordering_key, headers, message.payload)
}

fn revoked() -> Revoked {
    Revoked { serial: Serial("0a:41".to_owned()), reasons: vec!["superseded".to_owned()] }
}

#[test]
fn a_typed_event_and_its_untyped_twin_have_the_same_bytes() {
    let twin = DomainEvent::new("certificate", "0a:41", "revoked")
        .event_version(4)
        .data(&json!({"serial": "0a:41", "reasons": ["superseded"]}));
    let typed = on_the_wire(revoked());
    // A map of `json!` is sorted, and the struct has the order of its fields.
    let sorted: serde_json::Value = serde_json::from_str(&typed.4).expect("JSON");
    let of_twin = on_the_wire(twin);
    assert_eq!(sorted, serde_json::from_str::<serde_json::Value>(&of_twin.4).expect("JSON"));
    assert_eq!((&typed.0, &typed.1, &typed.2, &typed.3), (&of_twin.0, &of_twin.1, &of_twin.2, &of_twin.3));
    let twin = DomainEvent::new("certificate", "0a:41", "revoked").event_version(4).data(&revoked());
    assert_eq!(typed, on_the_wire(twin));
    assert_eq!(on_the_wire(revoked()), on_the_wire(DomainEvent::from(revoked())));

    let entry = EntryPosted { account: "acct-9", cents: 1250 };
    let twin = CustomEvent::new("billing.ledger", "entry_posted").key("acct-9").data(&entry);
    assert_eq!(on_the_wire(&entry), on_the_wire(twin));
    assert_eq!(on_the_wire(Closed {}), on_the_wire(CustomEvent::new("billing.ledger", "closed").data(&json!({}))));

    let issued = Lifecycle::Issued { serial: 7, profile: "tls" };
    let twin = DomainEvent::new("certificate", 7, "issued").data(&issued);
    assert_eq!(on_the_wire(&issued), on_the_wire(twin));
    let expired = Lifecycle::<String>::Expired { number: 7 };
    let twin = DomainEvent::new("certificate", 7, "expired").data(&json!({"number": 7}));
    assert_eq!(on_the_wire(expired), on_the_wire(twin));
}

#[test]
fn the_constants_are_the_words_of_the_derive() {
    const KIND: TypedEventKind = Revoked::KIND;
    assert_eq!(KIND, TypedEventKind::Domain { aggregate_type: "certificate" });
    assert_eq!((Revoked::SERVICE, Revoked::EVENT_VERSION), (Some("certificates"), 4));
    assert_eq!(Lifecycle::<String>::EVENT_TYPES, ["issued", "expired"]);
    assert_eq!((Lifecycle::<String>::SERVICE, Lifecycle::<String>::EVENT_VERSION), (None, 1));
    assert_eq!(EntryPosted::KIND, TypedEventKind::Custom { topic: "billing.ledger" });
}

#[test]
fn the_type_names_its_schema() {
    let twin = |event_type: &str, url: Option<&str>| {
        DomainEvent::new("user", 7, event_type).schema("2.1", url.map(str::to_owned)).data(&json!({"id": 7}))
    };
    let url = "https://schemas.example.com/created.json";
    assert_eq!(on_the_wire(User::Created { id: 7 }), on_the_wire(twin("created", Some(url))));
    assert_eq!(on_the_wire(User::Renamed { id: 7 }), on_the_wire(twin("renamed", None)));
    assert_eq!((User::SCHEMA_VERSION, Revoked::SCHEMA_VERSION), ("2.1", "1.0"));

    let base = Source { schema_base_url: Some("https://base.example.com".to_owned()), ..source() };
    let of = |event: User| {
        let message = message(&base, event).expect("a message");
        let schema = message.headers().find(|(name, _)| *name == "ce_dataschema");
        schema.map(|(_, url)| url.to_owned())
    };
    assert_eq!(of(User::Created { id: 7 }).as_deref(), Some(url));
    let by_base = "https://base.example.com/certificates/user.renamed/v1.json";
    assert_eq!(of(User::Renamed { id: 7 }).as_deref(), Some(by_base));
}

#[test]
fn another_service_cannot_publish_the_event() {
    let other = Source { service: Service::new("users", "1"), ..source() };
    let error = message(&other, revoked()).expect_err("another service");
    assert!(matches!(&error, EventError::OtherService { service: "certificates", .. }), "{error}");
    assert!(error.to_string().contains("`certificates`, and `users` cannot publish it"), "{error}");
    let recorder = Source { takes_any_service: true, ..other.clone() };
    assert!(message(&recorder, revoked()).is_ok());
    assert!(message(&other, EntryPosted { account: "a", cents: 1 }).is_ok(), "it names no service");
}

#[test]
fn every_older_version_is_read() {
    let read = |version, data: &str| decode::<Revoked>(version, data.as_bytes());
    let event = |reason: &str| Revoked { serial: Serial("7".to_owned()), reasons: vec![reason.to_owned()] };
    assert_eq!(read(1, r#"{"serial":"7"}"#).expect("version 1"), event("unspecified"));
    assert_eq!(read(2, r#"{"serial":"7","reason":"lost"}"#).expect("version 2"), event("lost"));
    assert_eq!(read(4, r#"{"serial":"7","reasons":["lost"]}"#).expect("version 4"), event("lost"));
    assert!(matches!(read(5, "{}"), Err(DecodeError::NewerVersion { event_version: 5, newest: 4, .. })));
    for unknown in [0, 3] {
        let error = read(unknown, "{}").expect_err("no such version");
        assert!(matches!(error, DecodeError::UnknownVersion { .. }), "{unknown}: {error}");
        assert!(error.to_string().contains("`revoked`"), "{error}");
    }
    let error = read(2, r#"{"serial":"7","reason":"secret" 1}"#).expect_err("no JSON");
    assert!(matches!(error, DecodeError::Data { event_version: 2, .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn an_envelope_is_read() {
    let value = message(&source(), RevokedV1 { serial: Serial("7".to_owned()) }).expect("a message").payload;
    let read: Revoked = decode_envelope(value.as_bytes()).expect("an event");
    assert_eq!(read.reasons, ["unspecified"]);
    let issued = Lifecycle::Issued { serial: 7, profile: "tls".to_owned() };
    let value = message(&source(), &issued).expect("a message").payload;
    assert_eq!(decode_envelope::<Lifecycle<String>>(value.as_bytes()).expect("an event"), issued);
    let error = decode_envelope::<Revoked>(value.as_bytes()).expect_err("another event");
    assert!(matches!(error, DecodeError::OtherEvent { .. }), "{error}");
    let twin = DomainEvent::new("credential", 7, "revoked");
    let value = message(&source(), twin).expect("a message").payload;
    assert!(
        matches!(decode_envelope::<Revoked>(value.as_bytes()), Err(DecodeError::OtherEvent { .. })),
        "another aggregate"
    );
    assert!(matches!(decode_envelope::<Revoked>(b"{}"), Err(DecodeError::Envelope { .. })));
}
