//! Typed events describe themselves.

use std::marker::PhantomData;

use marty_events::{
    CustomEvent, DomainEvent, EventError,
    catalogue::{Catalogue, Published, Verdict, catalogue, compare},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::named;

#[derive(Serialize, Deserialize, DomainEvent)]
#[event(aggregate_type = "certificate", event_type = "revoked")]
struct RevokedV1 {
    #[event(id)]
    serial: String,
}

#[derive(Serialize, Deserialize, DomainEvent)]
#[event(service = "Certificates", aggregate_type = "certificate", event_type = "revoked", event_version = 2, from = RevokedV1)]
struct RevokedV2 {
    #[event(id)]
    serial: String,
    reason: String,
}

/// A certificate is not valid any more.
///
/// Not a part of the description.
#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(service = "Certificates", aggregate_type = "certificate", event_type = "revoked", event_version = 4, from = RevokedV2)]
struct Revoked {
    #[event(id)]
    serial: String,
    #[serde(rename = "reasons")]
    why: Vec<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reason {
    KeyLost,
    Superseded,
}

impl From<RevokedV1> for RevokedV2 {
    fn from(old: RevokedV1) -> Self {
        Self { serial: old.serial, reason: "unspecified".to_owned() }
    }
}

impl From<RevokedV2> for Revoked {
    fn from(old: RevokedV2) -> Self {
        Self { serial: old.serial, why: vec![Reason::Superseded], note: Some(old.reason) }
    }
}

#[derive(Serialize, JsonSchema, DomainEvent)]
#[event(aggregate_type = "certificate")]
#[serde(untagged)]
#[expect(dead_code, reason = "an event that nobody publishes is described too")]
enum Lifecycle<'a> {
    /// It begins.
    #[event(event_type = "issued")]
    Issued {
        #[event(id)]
        serial: u64,
        profile: &'a str,
        place: Place,
    },
    #[event(event_type = "expired")]
    Expired {
        #[event(id)]
        number: u64,
    },
}

#[derive(Serialize, JsonSchema)]
struct Place {
    city: String,
}

#[derive(Serialize, CustomEvent)]
#[event(topic = "certificates.list", event_type = "list_published")]
struct ListPublished<T> {
    #[event(id)]
    list: &'static str,
    value: PhantomData<T>,
}

/// Revokes it.
#[expect(dead_code, reason = "a description needs no caller")]
#[marty_events::domain_event(Revoked { serial: serial.clone(), why: Vec::new(), note: None }, on = "both", ordering = "commit", delivery = "direct")]
async fn revoke(serial: String) -> Result<(), EventError> {
    drop(serial);
    Ok(())
}

#[expect(dead_code, reason = "a description needs no caller")]
#[marty_events::domain_event(Lifecycle::Expired { number }, delivery = "direct")]
async fn expire(number: u64) {}

#[expect(dead_code, reason = "a description needs no caller")]
#[marty_events::custom_event(ListPublished::<u8> { list: "crl", value: PhantomData }, delivery = "direct")]
async fn publish_list() {}

/// The data of a description, without the schemas of its fields.
fn fields(event: &Published) -> (Vec<&str>, Vec<&str>) {
    let schema = event.schema.as_ref().expect("a schema");
    let names = schema["properties"].as_object().expect("an object").keys().map(String::as_str);
    (names.collect(), schema["required"].as_array().expect("a list").iter().filter_map(|name| name.as_str()).collect())
}

#[test]
fn a_type_and_its_attribute_are_one_event() {
    let catalogue = catalogue().expect("descriptions");
    let revoked = named(&catalogue, "revoked");
    let of_type = catalogue.publishes.iter().filter(|event| event.event_type == "revoked");
    assert_eq!(of_type.count(), 1, "the older versions, one of which names no service, are not events of their own");
    assert_eq!(revoked.topic, "certificates.certificate.revoked");
    assert_eq!((revoked.kind.as_str(), revoked.version, revoked.from.as_slice()), ("domain", 4, &[1, 2][..]));
    assert_eq!((revoked.key.as_deref(), revoked.ordering.as_str()), (Some("serial"), "commit"));
    assert_eq!(revoked.route, "direct");
    assert_eq!(revoked.documentation.as_deref(), Some("A certificate is not valid any more."));
    assert_eq!(fields(&revoked), (vec!["note", "reasons", "serial"], vec!["serial", "reasons"]));
    let reasons = &revoked.schema.as_ref().expect("a schema")["$defs"]["Reason"];
    assert_eq!(reasons["enum"], json!(["key_lost", "superseded"]));
    let failed = named(&catalogue, "revoked_failed");
    assert_eq!((failed.topic.as_str(), failed.route.as_str()), ("certificates.certificate.revoked_failed", "direct"));
    assert_eq!(fields(&failed).1, ["serial", "reasons", "outcome", "error_message"]);
}

#[test]
fn each_variant_is_an_event() {
    let catalogue = catalogue().expect("descriptions");
    let (issued, expired) = (named(&catalogue, "issued"), named(&catalogue, "expired"));
    assert_eq!(issued.topic, "{service}.certificate.issued");
    assert_eq!(issued.documentation.as_deref(), Some("It begins."));
    assert_eq!(fields(&issued), (vec!["place", "profile", "serial"], vec!["serial", "profile", "place"]));
    assert!(issued.schema.expect("a schema")["$defs"]["Place"].is_object());
    assert_eq!((expired.key.as_deref(), expired.route.as_str()), (Some("number"), "direct"));
    assert_eq!(issued.route, "signature", "the attribute names the other variant");
    assert_eq!(fields(&expired), (vec!["number"], vec!["number"]));
}

#[test]
fn a_generic_type_is_described_without_a_schema() {
    let list = named(&catalogue().expect("descriptions"), "list_published");
    assert_eq!((list.kind.as_str(), list.topic.as_str()), ("custom", "certificates.list"));
    assert_eq!((list.key.as_deref(), list.route.as_str(), list.schema), (Some("list"), "direct", None));
}

#[test]
fn a_type_may_take_the_place_of_its_untyped_twin() {
    let of = |event: Published| Catalogue::new("certificate-service").publishing(event);
    let untyped = of(Published::new("domain", "{service}.certificate.revoked", "revoked"));
    let typed = of(Published::new("domain", "certificates.certificate.revoked", "revoked"));
    assert!(compare(&untyped, &typed).is_empty() && compare(&typed, &untyped).is_empty());
    let other = of(Published::new("domain", "certificates.list.revoked", "revoked"));
    assert!(compare(&untyped, &other).iter().any(|change| change.old_readers == Verdict::Breaks));
}
