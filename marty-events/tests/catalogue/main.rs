//! The catalogue from outside: registration in a crate that forbids unsafe code, documents, the documented table of changes.

#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod handled;
mod typed;

use std::collections::BTreeSet;

use marty_events::{
    AuditEventType, EventError,
    catalogue::{Catalogue, Handled, Published, Verdict, catalogue, compare, unreadable},
};
use serde_json::{Value, json};

/// A user begins.
///
/// Not a part of the description.
#[marty_events::audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "id", delivery = "direct")]
#[marty_events::domain_event(aggregate_type = "User", event_type = "user_created", aggregate_id_field = "id", event_version = 3,
    ordering = "commit", data(name, size = result.len()))]
pub async fn create<T: Send + Sync>(id: u32, name: String, _any: T) -> Result<String, EventError> {
    Ok(format!("{id}{name}"))
}

#[marty_events::domain_event(aggregate_type = "account", event_type = "closed", aggregate_id_field = "id", on = "both",
    delivery = "direct", data(balance = result, reason = error.to_string()))]
pub async fn close(id: u32) -> Result<u64, EventError> {
    Ok(id.into())
}

mod unused {
    #[expect(dead_code, reason = "an event that nobody calls is described too")]
    #[marty_events::custom_event(topic = "billing.ledger", event_type = "entry_posted", key_field = "account")]
    async fn post(account: &str) -> u8 {
        u8::try_from(account.len()).unwrap_or_default()
    }
}

fn named(catalogue: &Catalogue, event_type: &str) -> Published {
    let found = catalogue.publishes.iter().find(|event| event.event_type == event_type);
    found.unwrap_or_else(|| panic!("no {event_type} in {catalogue:?}")).clone()
}

#[test]
fn attributes_leave_their_descriptions() {
    let catalogue = catalogue().expect("descriptions");
    let created = named(&catalogue, "user_created");
    assert_eq!(created.topic, "{service}.user.user_created");
    assert_eq!((created.kind.as_str(), created.version, created.ordering.as_str()), ("domain", 3, "commit"));
    assert_eq!(created.key.as_deref(), Some("id"));
    assert_eq!(created.documentation.as_deref(), Some("A user begins."));
    let fields = json!({"type": "object", "properties": {"name": {}, "size": {}}, "required": ["name", "size"]});
    assert_eq!(created.schema, Some(fields));
    let audit = named(&catalogue, "data.created");
    assert_eq!((audit.topic.as_str(), audit.route.as_str()), ("audit.events", "direct"));
    assert_eq!(named(&catalogue, "entry_posted").topic, "billing.ledger");
    let (closed, failed) = (named(&catalogue, "closed"), named(&catalogue, "closed_failed"));
    assert_eq!((closed.route.as_str(), failed.route.as_str()), ("direct", "direct"));
    assert_eq!(failed.topic, "{service}.account.closed_failed");
    let required = |event: &Published| event.schema.as_ref().map(|schema| schema["required"].clone());
    assert_eq!(required(&closed), Some(json!(["balance", "reason"])), "a field without a value is `null`");
    assert_eq!(required(&failed), Some(json!(["balance", "reason", "outcome", "error_message"])));
    let untyped = catalogue
        .publishes
        .iter()
        .filter(|event| !event.topic.contains("certificate") && !event.topic.contains("order"));
    assert_eq!(untyped.count(), 5);
}

#[test]
fn a_catalogue_survives_its_file() {
    let catalogue = catalogue().expect("descriptions");
    let text = catalogue.to_json();
    assert!(text.ends_with("}\n") && !text.ends_with("\n\n"));
    assert_eq!(Catalogue::from_json(&text).expect("a catalogue"), catalogue);
    let newer = text.replace("\"catalogue_version\": 1", "\"catalogue_version\": 2");
    assert!(Catalogue::from_json(&newer).is_err());
}

fn rich() -> Catalogue {
    let schema = json!({
        "type": "object", "$defs": {"Email": {"type": "string"}}, "properties": {"email": {"$ref": "#/$defs/Email"}},
    });
    Catalogue::new("users")
        .publishing(Published::new("domain", "{service}.user.user_created", "user_created").schema(schema.clone()))
        .publishing(Published::new("custom", "billing.ledger", "a | \"b\"").schema(schema).documentation("Two\nlines."))
        .publishing(Published::new("audit", "audit.events", "*"))
        .handling(Handled::new("list", "certificates.certificate.revoked", "revoked"))
        .handling(Handled::new("list", "users.user.user_created", "user_created"))
}

#[test]
fn the_asyncapi_document_follows_the_official_schema() {
    let official: Value = serde_json::from_str(include_str!("../asyncapi/3.0.0.json")).expect("JSON");
    let validator = jsonschema::options().offline().build(&official).expect("a schema");
    for catalogue in [rich(), catalogue().expect("descriptions")] {
        let document: Value = serde_json::from_str(&catalogue.to_asyncapi()).expect("JSON");
        let faults: Vec<String> =
            validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "{faults:?}\n{document:#}");
        assert_references(&document, &document);
    }
    assert!(!validator.is_valid(&json!({"asyncapi": "3.0.0"})), "the schema refuses nothing");
}

fn assert_references(document: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let ("$ref", Value::String(target)) = (name.as_str(), value) {
                    assert!(document.pointer(&target[1..]).is_some(), "{target} leads nowhere");
                }
                assert_references(document, value);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| assert_references(document, item)),
        _ => {}
    }
}

#[test]
fn the_page_shows_publishers_and_handlers() {
    let page = rich().to_markdown();
    assert!(page.contains("```mermaid\nflowchart LR\n"), "{page}");
    assert!(page.contains("service -- \"user_created\" --> topic"), "{page}");
    assert!(page.contains("-- \"revoked\" --> group0"), "{page}");
    assert!(page.contains("| billing.ledger | a \\| \"b\" | custom |"), "{page}");
    assert!(page.contains("| Two lines. |"), "{page}");
}

#[test]
fn handlers_are_compared_with_a_producer() {
    let schema = |kind: &str| json!({"type": "object", "properties": {"a": {"type": kind}}, "required": ["a"]});
    let producer = Catalogue::new("users")
        .publishing(Published::new("domain", "{service}.user.created", "created").version(2).schema(schema("integer")));
    let handler = || Handled::new("list", "users.user.created", "created");
    let kinds = |handled: Handled| -> Vec<&'static str> {
        unreadable(&Catalogue::new("list").handling(handled), &producer).iter().map(|change| change.kind).collect()
    };
    assert!(kinds(handler().schema(schema("number"))).is_empty());
    assert_eq!(kinds(handler().schema(schema("string"))), ["type changed"]);
    assert_eq!(kinds(handler().versions([1])), ["version not read"]);
    assert_eq!(kinds(Handled::new("list", "users.user.gone", "gone")), ["event not published"]);
    assert!(kinds(Handled::new("list", "others.user.gone", "gone")).is_empty());
}

/// `none`, a part of a description, or a schema.
fn example(cell: &str) -> Catalogue {
    let catalogue = Catalogue::new("users");
    if cell == "none" {
        return catalogue;
    }
    let given: Value = serde_json::from_str(cell.trim_matches('`')).unwrap_or_else(|error| panic!("{cell}: {error}"));
    let event = Published::new("domain", "users.user.created", "created");
    let mut event = serde_json::to_value(event).expect("JSON");
    match given["event"].as_object() {
        Some(parts) => event.as_object_mut().expect("an object").extend(parts.clone()),
        None => event["schema"] = given,
    }
    catalogue.publishing(serde_json::from_value(event).expect("a description"))
}

#[test]
fn the_documented_changes_have_their_verdicts() {
    let page = include_str!("../../../docs/catalogue.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| change | before")).skip(2);
    let mut kinds = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, before, after, old, new] = cells[..] else { panic!("five cells: {row}") };
        let changes = compare(&example(before), &example(after));
        let worst = |verdict: fn(&marty_events::catalogue::Change) -> Verdict| {
            changes.iter().map(verdict).max().unwrap_or(Verdict::Reads).as_str()
        };
        let found: BTreeSet<&str> = changes.iter().map(|change| change.kind).collect();
        let found = if found.is_empty() { BTreeSet::from(["nothing"]) } else { found };
        let expected: BTreeSet<&str> = name.split(" (").next().unwrap_or_default().split(", ").collect();
        let verdicts = (worst(|change| change.old_readers), worst(|change| change.new_readers));
        if found != expected || verdicts != (old, new) {
            wrong.push(format!("{name}: {changes:?}"));
        }
        kinds.extend(expected);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(60 <= kinds.len(), "{} kinds", kinds.len());
}
