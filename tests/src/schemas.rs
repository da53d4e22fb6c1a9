//! The published JSON Schemas, and those of the catalogue, as a judge of every record that a test reads.

use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

use jsonschema::{Draft, Validator};
use marty_events::catalogue::catalogue;
use serde_json::{Value, json};

/// A schema in `docs/schemas`.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn published(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/schemas/{name}.json"));
    serde_json::from_str(&fs::read_to_string(path).expect("a schema")).expect("JSON")
}

/// The published schemas let consumers read fields of later versions. The library writes no field that they do not name, so the tests close them.
#[must_use]
pub fn closed(name: &str) -> Value {
    let mut schema = published(name);
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    // An object without named properties is a map, whose keys the service chooses.
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    properties.values_mut().for_each(close);
    schema["additionalProperties"] = json!(false);
}

/// The validator of a schema of draft 2020-12.
///
/// # Panics
///
/// If it is not a schema.
#[must_use]
pub fn validator(schema: &Value) -> Validator {
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    options.build(schema).expect("a schema")
}

/// The services of other programs, whose events are in the catalogues of those.
const OTHERS: [&str; 3] = ["calling-service", "killed", "secret-holder"];

/// The schemas, compiled once in a process.
struct Schemas {
    envelope: Validator,
    payloads: BTreeMap<&'static str, Validator>,
    /// By the end of the topic, behind prefix and service, and by the type.
    data: BTreeMap<(String, String), Validator>,
}

impl Schemas {
    fn read() -> Self {
        let kinds = ["audit", "custom", "domain", "notification"];
        // A test binary without events has no catalogue.
        let events = catalogue().map(|catalogue| catalogue.publishes).unwrap_or_default();
        let described = events.into_iter().filter(|event| event.kind == "domain" && event.event_type != "*");
        let data = described.filter_map(|event| {
            let (_, topic) = event.topic.split_once('.')?;
            Some(((topic.to_owned(), event.event_type), validator(&event.schema?)))
        });
        Self {
            envelope: validator(&closed("envelope")),
            payloads: kinds.map(|kind| (kind, validator(&closed(kind)))).into(),
            data: data.collect(),
        }
    }

    fn faults(&self, topic: &str, value: &Value) -> Vec<String> {
        let payload = &value["payload"];
        let kind = if topic.ends_with(".audit.events") {
            "audit"
        } else if topic.ends_with(".notification.events") {
            "notification"
        } else if payload["aggregate_type"].is_string() {
            "domain"
        } else {
            "custom"
        };
        let mut faults = faults("envelope", &self.envelope, value);
        faults.extend(self::faults(kind, &self.payloads[kind], payload));
        let is_of_this_program = !value["metadata"]["service_name"].as_str().is_some_and(|name| OTHERS.contains(&name));
        if kind == "domain" && is_of_this_program {
            let text = |field: &str| payload[field].as_str().unwrap_or_default().to_owned();
            let event_type = text("event_type");
            let place = format!("{}.{event_type}", text("aggregate_type")).to_ascii_lowercase();
            if let Some(schema) = self.data.get(&(place, event_type)) {
                faults.extend(self::faults("catalogue", schema, &payload["event_data"]));
            }
        }
        faults
    }
}

fn faults(name: &str, validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{name}{}: {error}", error.instance_path())).collect()
}

/// The faults of a record's value, by the schemas for its kind and its event. A record without the library's headers is none of its events.
#[must_use]
pub fn faults_of(topic: &str, value: &Value) -> Vec<String> {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    SCHEMAS.get_or_init(Schemas::read).faults(topic, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a golden record.
    fn golden(name: &str) -> Value {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../marty-events/src/event/golden/{name}.golden"));
        let text = fs::read_to_string(path).expect("a golden file");
        let value = text.lines().find_map(|line| line.strip_prefix("value: ")).expect("a value");
        serde_json::from_str(value).expect("JSON")
    }

    #[derive(serde::Serialize, schemars::JsonSchema, marty_events::DomainEvent)]
    #[event(aggregate_type = "parcel", event_type = "parcel_sent")]
    struct ParcelSent {
        #[event(id)]
        parcel: u64,
        weight: u32,
    }

    #[test]
    fn a_record_is_held_against_the_schemas_of_its_kind_and_its_event() {
        _ = |parcel| ParcelSent { parcel, weight: 1 };
        let topic = "t.s.parcel.parcel_sent";
        let mut value = golden("domain-minimal");
        assert_eq!(faults_of(topic, &value), [""; 0]);
        value["payload"]["aggregate_type"] = json!("parcel");
        value["payload"]["event_type"] = json!("parcel_sent");
        value["payload"]["event_data"] = json!({"parcel": 7, "weight": "heavy"});
        let faults = faults_of(topic, &value);
        assert!(faults.len() == 1 && faults[0].starts_with("catalogue/weight: "), "{faults:?}");
        value["payload"]["event_data"] = json!({"parcel": 7, "weight": 5});
        assert_eq!(faults_of(topic, &value), [""; 0]);
        value["metadata"]["priority"] = json!("urgent");
        value["payload"]["unknown"] = json!(1);
        assert_eq!(faults_of(topic, &value).len(), 2);
    }
}
