//! The JSON Schemas of docs/schemas, held against published events.

use jsonschema::Validator;
use marty_events::{
    AuditEvent, AuditEventType, AuditOutcome, CustomEvent, DomainEvent, Event, EventConfig, EventContext,
    EventPublisher, NotificationEvent, NotificationEventType, OutboxRepository,
};
use marty_events_tests::schemas::{closed as closed_schema, published as schema, validator};
use serde_json::{Value, json};
use sqlx::SqlitePool;

use super::{files, read, root};

const KINDS: [&str; 4] = ["audit", "custom", "domain", "notification"];

/// A schema that refers to ours by their names.
pub(super) fn with_ours(schema: &Value) -> Validator {
    let mut whole = schema.clone();
    whole["$defs"] = KINDS.into_iter().chain(["envelope"]).map(|name| (name.to_owned(), closed_schema(name))).collect();
    validator(&whole)
}

fn assert_valid(kind: &str, value: &Value) {
    for (name, instance) in [("envelope", value), (kind, &value["payload"])] {
        let faults: Vec<String> = validator(&closed_schema(name))
            .iter_errors(instance)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}\n{instance:#}");
    }
}

/// The values of the golden records, by the kind of event.
pub(super) fn golden() -> Vec<(&'static str, Value)> {
    let folder = root().join("marty-events/src/event/golden");
    files(&folder, "golden")
        .iter()
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let kind = KINDS.into_iter().find(|kind| name.starts_with(kind)).expect("a kind");
            let text = read(path);
            let value = text.lines().find_map(|line| line.strip_prefix("value: ")).expect("a value");
            (kind, serde_json::from_str(value).expect("JSON"))
        })
        .collect()
}

#[test]
fn the_schemas_are_schemas() {
    for name in KINDS.into_iter().chain(["envelope"]) {
        jsonschema::draft202012::meta::validate(&schema(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_golden_record_is_as_the_schemas_say() {
    let golden = golden();
    assert_eq!(golden.len(), 11);
    for (kind, value) in golden {
        assert_valid(kind, &value);
    }
}

/// Events of the builders, written to an outbox and read from it. Their values are those for which a schema is most likely to be too
/// narrow.
#[tokio::test]
async fn what_the_builders_make_is_as_the_schemas_say() {
    let pool = SqlitePool::connect("sqlite::memory:").await.expect("a database");
    marty_events::outbox::migrate(&pool).await.expect("the tables");
    let config = EventConfig::builder().service_name("users-2.eu_west").brokers("localhost:1").build().expect("valid");
    let publisher = EventPublisher::new(&config).expect("a publisher");
    let scalar = || json!(5);
    let events: Vec<(&str, Event)> = vec![
        ("audit", AuditEvent::new(AuditEventType::Custom("Vault opened".into()), "", "").into()),
        (
            "audit",
            AuditEvent::new(AuditEventType::DataDeleted, "delete", "user")
                .resource_id(7)
                .data(&scalar())
                .previous_state(&scalar())
                .security_context(&json!(["admin"]))
                .outcome(AuditOutcome::Panicked)
                .error_code(-1)
                .into(),
        ),
        ("audit", AuditEvent::new(AuditEventType::DataDeleted, "x", "y").outcome(AuditOutcome::Cancelled).into()),
        ("domain", DomainEvent::new("User", "ü 1", "Renamed").event_version(0).data(&json!(null)).into()),
        ("domain", DomainEvent::new("user", 1, "renamed").event_version(u32::MAX).schema("", None).into()),
        (
            "notification",
            NotificationEvent::new(NotificationEventType::Custom("x".into()), "", ["1", ""])
                .channels(Vec::<String>::new())
                .delivery_time("tomorrow")
                .into(),
        ),
        ("custom", CustomEvent::new("t", "e").data("a text").into()),
    ];
    let context = EventContext::new().custom_header("tenant", "").correlation_id("").trace("no trace", None);
    let mut tx = pool.begin().await.expect("a transaction");
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| *kind).collect();
    let ids = context.scope(publisher.publish_all_in(&mut tx, events.into_iter().map(|(_, event)| event))).await;
    tx.commit().await.expect("a commit");
    let rows = OutboxRepository::new(&pool).pending(100).await.expect("the outbox");
    assert_eq!(rows.iter().map(|row| row.event_id).collect::<Vec<_>>(), ids.expect("they are written"));
    for (kind, row) in kinds.into_iter().zip(rows) {
        assert_valid(kind, &serde_json::from_slice(&row.payload).expect("JSON"));
    }
}

/// Every object of a closed schema, by its JSON pointer.
fn closed(schema: &Value, pointer: &str, found: &mut Vec<(String, Vec<String>)>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    if schema["additionalProperties"] == json!(false) {
        found.push((pointer.to_owned(), properties.keys().cloned().collect()));
    }
    for (name, property) in properties {
        closed(property, &format!("{pointer}/{name}"), found);
    }
}

#[test]
fn the_schemas_are_strict_and_open_to_later_fields() {
    let mut mutations = 0;
    for (kind, value) in golden() {
        for (name, instance) in [("envelope", &value), (kind, &value["payload"])] {
            let schema = closed_schema(name);
            let (closed_validator, published) = (validator(&schema), validator(&self::schema(name)));
            let mut objects = Vec::new();
            closed(&schema, "", &mut objects);
            for (pointer, properties) in objects {
                let changed = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
                    let mut changed = instance.clone();
                    change(changed.pointer_mut(&pointer).and_then(Value::as_object_mut).expect("an object"));
                    changed
                };
                let added = changed(&|object| drop(object.insert("unknown".into(), json!(null))));
                assert!(!closed_validator.is_valid(&added), "{name}{pointer} takes an unknown field");
                assert!(published.is_valid(&added), "{name}{pointer} refuses a field of a later version");
                for property in properties {
                    let removed = changed(&|object| drop(object.remove(&property)));
                    assert!(!published.is_valid(&removed), "{name}{pointer} does without {property}");
                    mutations += 1;
                }
            }
        }
    }
    assert!(100 < mutations, "{mutations}");
    for (name, pointer, value) in [
        ("envelope", "/metadata/timestamp", json!("2026-01-02T03:04:05Z")),
        ("envelope", "/metadata/event_id", json!("01900000-0000-4000-8000-000000000001")),
        ("envelope", "/metadata/priority", json!("urgent")),
        ("envelope", "/metadata/custom_headers", json!({"tenant": 1})),
        ("envelope", "/event_type", json!("")),
        ("audit", "/success", json!(true)),
        ("audit", "/outcome", json!("aborted")),
        ("audit", "/resource_id", json!("")),
        ("domain", "/event_version", json!(1.5)),
        ("domain", "/aggregate_id", json!(null)),
        ("notification", "/channels", json!(null)),
    ] {
        let kind = if name == "envelope" { "audit" } else { name };
        // The full ones: an audit event that failed.
        let (_, golden) = golden()
            .into_iter()
            .find(|(it, value)| *it == kind && value["payload"]["outcome"] != "success")
            .expect("one");
        let mut instance = if name == "envelope" { golden } else { golden["payload"].clone() };
        let published = validator(&schema(name));
        assert!(published.is_valid(&instance));
        *instance.pointer_mut(pointer).expect("a place") = value.clone();
        assert!(!published.is_valid(&instance), "{name} takes {value} at {pointer}");
    }
}

/// The reference's tables name the same fields.
#[test]
fn the_reference_names_every_field() {
    let page = read(&root().join("docs/wire-format.md"));
    for name in ["envelope", "audit", "domain", "notification"] {
        let mut objects = Vec::new();
        closed(&closed_schema(name), "", &mut objects);
        for property in objects.into_iter().flat_map(|(_, properties)| properties) {
            assert!(
                page.contains(&format!("`{property}`")) || page.contains(&format!("\"{property}\"")),
                "{name}: {property}"
            );
        }
    }
}

/// A whole record's schema is put together from two of these, as the reference shows.
#[test]
fn the_schemas_can_be_put_together() {
    let registry = KINDS
        .into_iter()
        .chain(["envelope"])
        .fold(jsonschema::Registry::new(), |registry, name| {
            let uri = format!("urn:marty-events:schema:{name}:1");
            registry.add(uri, schema(name)).expect("a resource")
        })
        .prepare()
        .expect("a registry");
    let page = read(&root().join("docs/wire-format.md"));
    let whole = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the example");
    let whole: Value = serde_json::from_str(whole).expect("JSON");
    let validator = jsonschema::options().offline().with_registry(&registry).build(&whole).expect("a schema");
    for (kind, value) in golden() {
        assert_eq!(validator.is_valid(&value), kind == "domain", "{kind}");
    }
}
