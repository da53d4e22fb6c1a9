//! Descriptions of published and handled events.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the file format that this library writes and reads.
pub(super) const VERSION: u32 = 1;

/// The events that a service publishes and handles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Catalogue {
    /// The version of the file format.
    pub catalogue_version: u32,
    /// The name of the service.
    pub service: String,
    /// Events that the service publishes, one for each topic and type.
    #[serde(default)]
    pub publishes: Vec<Published>,
    /// Events that the service handles.
    #[serde(default)]
    pub handles: Vec<Handled>,
}

impl Catalogue {
    /// A catalogue without events.
    #[must_use]
    pub fn new(service: impl Into<String>) -> Self {
        Self { catalogue_version: VERSION, service: service.into(), publishes: Vec::new(), handles: Vec::new() }
    }

    /// Adds a published event. A description of the same topic and type is merged with it.
    #[must_use]
    pub fn publishing(mut self, event: Published) -> Self {
        let same = |other: &&mut Published| other.topic == event.topic && other.event_type == event.event_type;
        match self.publishes.iter_mut().find(same) {
            Some(other) => other.merge(event),
            None => self.publishes.push(event),
        }
        self.publishes.sort_by(|left, right| left.place().cmp(&right.place()));
        self
    }

    /// Adds a handled event.
    #[must_use]
    pub fn handling(mut self, event: Handled) -> Self {
        self.handles.push(event);
        self.handles.sort_by(|left, right| left.place().cmp(&right.place()));
        self.handles.dedup();
        self
    }

    /// The topic with the service's name in the place of `{service}`. The prefix is not part of it.
    #[must_use]
    pub fn topic_of(&self, event: &Published) -> String {
        event.topic.replace("{service}", &self.service)
    }
}

/// The description of a published event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Published {
    /// `audit`, `domain`, `notification` or `custom`.
    pub kind: String,
    /// The topic without the prefix. `{service}` stands for the service's name, `*` for a part that is known at run time.
    pub topic: String,
    /// The event's type, or `*` if it is known at run time.
    pub event_type: String,
    /// The version of the event's data, or 0 if it is known at run time.
    pub version: u32,
    /// Older versions that a reader of this type converts (`from`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<u32>,
    /// The path of the id that becomes the record's key.
    pub key: Option<String>,
    /// `key`, `commit` or `none`.
    pub ordering: String,
    /// `outbox`, `direct`, or `signature` if the types of the arguments decide.
    pub route: String,
    /// The JSON Schema of the event's data. A field of unknown type has the schema `{}`.
    pub schema: Option<Value>,
    /// The documentation of the method or type.
    pub documentation: Option<String>,
}

impl Published {
    /// A description with the defaults of its kind.
    #[must_use]
    pub fn new(kind: impl Into<String>, topic: impl Into<String>, event_type: impl Into<String>) -> Self {
        let kind = kind.into();
        let ordering = if kind == "domain" { "key" } else { "none" }.to_owned();
        Self {
            kind,
            topic: topic.into(),
            event_type: event_type.into(),
            version: 1,
            from: Vec::new(),
            key: None,
            ordering,
            route: "signature".to_owned(),
            schema: None,
            documentation: None,
        }
    }

    /// Sets the version of the data.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Adds an older version that readers of this type convert.
    #[must_use]
    pub fn from_version(mut self, version: u32) -> Self {
        self.from.push(version);
        self.from.sort_unstable();
        self.from.dedup();
        self
    }

    /// Sets the path of the id that becomes the key.
    #[must_use]
    pub fn key(mut self, path: impl Into<String>) -> Self {
        self.key = Some(path.into());
        self
    }

    /// Sets the ordering.
    #[must_use]
    pub fn ordering(mut self, ordering: impl Into<String>) -> Self {
        self.ordering = ordering.into();
        self
    }

    /// Sets the route.
    #[must_use]
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.route = route.into();
        self
    }

    /// Sets the JSON Schema of the data.
    #[must_use]
    pub fn schema(mut self, schema: Value) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Sets the names of the data's fields, without their types. `required` fields are in every event.
    #[must_use]
    pub fn fields(self, required: &[&str], optional: &[&str]) -> Self {
        let properties: serde_json::Map<String, Value> = required
            .iter()
            .chain(optional)
            .map(|name| ((*name).to_owned(), Value::Object(serde_json::Map::new())))
            .collect();
        self.schema(serde_json::json!({ "type": "object", "properties": properties, "required": required }))
    }

    /// Sets the documentation.
    #[must_use]
    pub fn documentation(mut self, text: impl Into<String>) -> Self {
        self.documentation = Some(text.into()).filter(|text: &String| !text.is_empty());
        self
    }

    fn place(&self) -> (&str, &str) {
        (&self.topic, &self.event_type)
    }

    /// Two methods publish the same event, or an event has a type for each version. The highest version is described; a field is required if
    /// both descriptions of that version require it. Descriptions arrive in the linker's order: each rule gives the same result in both orders.
    fn merge(&mut self, mut other: Self) {
        if self.version < other.version {
            std::mem::swap(self, &mut other);
        }
        self.from.append(&mut other.from);
        self.from.sort_unstable();
        self.from.dedup();
        if other.version < self.version {
            return;
        }
        if other.kind < self.kind {
            self.kind = other.kind;
        }
        self.key = self.key.take().max(other.key);
        if rank(&other.ordering) < rank(&self.ordering) {
            self.ordering = other.ordering;
        }
        self.documentation = smaller(self.documentation.take(), other.documentation);
        if self.route != other.route {
            "signature".clone_into(&mut self.route);
        }
        let text = |schema: &Value| schema.to_string();
        self.schema = match (self.schema.take(), other.schema) {
            (Some(left), Some(right)) if text(&left) <= text(&right) => Some(union(left, &right)),
            (Some(left), Some(right)) => Some(union(right, &left)),
            (left, right) => left.or(right),
        };
    }
}

/// The description of a handled event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Handled {
    /// The consumer group. A handler has none: its group is named where the consumer is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The topic without the prefix.
    pub topic: String,
    /// The event's type, or `*` for all types of the topic.
    pub event_type: String,
    /// Versions that the handler reads. An empty list stands for all.
    #[serde(default)]
    pub versions: Vec<u32>,
    /// The JSON Schema that the handler's type demands of the data.
    pub schema: Option<Value>,
}

impl Handled {
    /// A handler of all versions, without a schema.
    #[must_use]
    pub fn new(group: impl Into<String>, topic: impl Into<String>, event_type: impl Into<String>) -> Self {
        Self {
            group: Some(group.into()),
            topic: topic.into(),
            event_type: event_type.into(),
            versions: Vec::new(),
            schema: None,
        }
    }

    /// The same without a group.
    #[must_use]
    pub fn without_group(topic: impl Into<String>, event_type: impl Into<String>) -> Self {
        Self { group: None, ..Self::new(String::new(), topic, event_type) }
    }

    /// Sets the versions that the handler reads.
    #[must_use]
    pub fn versions(mut self, versions: impl Into<Vec<u32>>) -> Self {
        self.versions = versions.into();
        self
    }

    /// Sets the JSON Schema that the handler's type demands.
    #[must_use]
    pub fn schema(mut self, schema: Value) -> Self {
        self.schema = Some(schema);
        self
    }

    fn place(&self) -> (Option<&str>, &str, &str) {
        (self.group.as_deref(), &self.topic, &self.event_type)
    }
}

fn smaller(left: Option<String>, right: Option<String>) -> Option<String> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

/// The fields of both schemas; required are those that both require.
fn union(mut left: Value, right: &Value) -> Value {
    if left == *right {
        return left;
    }
    if !left.is_object() || !right.is_object() || left["type"] != right["type"] {
        return Value::Object(serde_json::Map::new());
    }
    let required: Vec<Value> = {
        let list = |schema: &Value| schema["required"].as_array().cloned().unwrap_or_default();
        let others = list(right);
        let mut names: Vec<Value> = list(&left).into_iter().filter(|name| others.contains(name)).collect();
        names.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        names
    };
    if let (Some(fields), Some(more)) = (left["properties"].as_object_mut(), right["properties"].as_object()) {
        for (name, schema) in more {
            let known = fields.entry(name.clone()).or_insert_with(|| schema.clone());
            // Two types of one field: readers can rely on neither.
            if known != schema {
                *known = Value::Object(serde_json::Map::new());
            }
        }
    }
    left["required"] = Value::Array(required);
    left
}

/// The strength of an ordering's promise.
pub(super) fn rank(ordering: &str) -> u8 {
    match ordering {
        "commit" => 2,
        "key" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(events: &[Published]) -> Published {
        let every = |events: &mut dyn Iterator<Item = &Published>| {
            events.fold(Catalogue::new("users"), |catalogue, event| catalogue.publishing(event.clone()))
        };
        let catalogue = every(&mut events.iter());
        assert_eq!(catalogue, every(&mut events.iter().rev()), "the order decides nothing");
        assert_eq!(catalogue.publishes.len(), 1);
        catalogue.publishes[0].clone()
    }

    fn created() -> Published {
        Published::new("domain", "{service}.user.created", "created")
    }

    #[test]
    fn two_methods_share_an_event() {
        let event = merged(&[
            created().fields(&["name", "id"], &[]).route("outbox").documentation("b").ordering("commit").key("id"),
            created().fields(&["id"], &["email"]).route("direct").documentation("a").key("user.id"),
        ]);
        assert_eq!((event.route.as_str(), event.ordering.as_str()), ("signature", "key"));
        assert_eq!((event.documentation.as_deref(), event.key.as_deref()), (Some("a"), Some("user.id")));
        let schema = event.schema.expect("a schema");
        assert_eq!(schema["required"], json!(["id"]));
        assert_eq!(schema["properties"], json!({"email": {}, "id": {}, "name": {}}));
    }

    #[test]
    fn the_highest_version_is_described() {
        let event = merged(&[
            created().fields(&["old"], &[]).key("a"),
            created().fields(&["new"], &[]).version(2).from_version(1).key("b"),
        ]);
        assert_eq!((event.version, event.from.as_slice(), event.key.as_deref()), (2, &[1][..], Some("b")));
        assert_eq!(event.schema.expect("a schema")["required"], json!(["new"]));
    }

    #[test]
    fn data_without_a_common_shape_is_untyped() {
        let event = merged(&[created().schema(json!({"type": "string"})), created().schema(json!(true))]);
        assert_eq!(event.schema, Some(json!({})));
    }
}
