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
    /// The version of the event's data.
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

    /// Two methods publish the same event. A field is required if both write it.
    fn merge(&mut self, other: Self) {
        self.version = self.version.max(other.version);
        self.from.extend(other.from);
        self.from.sort_unstable();
        self.from.dedup();
        // Descriptions arrive in the linker's order. Each rule here gives the same result in both orders.
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
    /// The consumer group.
    pub group: String,
    /// The topic without the prefix.
    pub topic: String,
    /// The event's type.
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
            group: group.into(),
            topic: topic.into(),
            event_type: event_type.into(),
            versions: Vec::new(),
            schema: None,
        }
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

    fn place(&self) -> (&str, &str, &str) {
        (&self.group, &self.topic, &self.event_type)
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
    use super::*;

    #[test]
    fn the_order_of_descriptions_does_not_matter() {
        let event = || Published::new("domain", "users.user.changed", "changed");
        let first = event().key("id").fields(&["name", "plan"], &[]).ordering("commit").route("outbox");
        let second = event().fields(&["plan", "email"], &[]).route("direct").documentation("Changed.");
        let catalogue = |events: [&Published; 2]| {
            events.into_iter().fold(Catalogue::new("users"), |catalogue, event| catalogue.publishing(event.clone()))
        };
        let merged = catalogue([&first, &second]);
        assert_eq!(merged.to_json(), catalogue([&second, &first]).to_json());
        let event = &merged.publishes[0];
        assert_eq!((event.ordering.as_str(), event.route.as_str()), ("key", "signature"));
        assert_eq!(event.schema.as_ref().map(|schema| schema["required"].clone()), Some(serde_json::json!(["plan"])));
    }
}
