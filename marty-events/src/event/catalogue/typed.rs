//! Descriptions of typed events. The type describes its event, and attributes that name the type add their routes.

use serde_json::{Map, Value, json};

use super::{model::Published, schema};

/// The description of a type, as its derive leaves it.
#[doc(hidden)]
#[derive(Debug)]
pub struct TypeDescription {
    name: &'static str,
    kind: &'static str,
    /// The aggregate's type, or the topic of a custom event.
    subject: &'static str,
    version: u32,
    service: Option<&'static str>,
    documentation: &'static str,
    events: Vec<Shape>,
    older: Vec<u32>,
    schema: fn() -> Option<Value>,
}

/// A struct, or a variant of an enum.
#[derive(Debug)]
struct Shape {
    /// The variant's name; empty for a struct.
    variant: &'static str,
    event_type: &'static str,
    /// The field with the id; empty for a custom event without a key.
    key: &'static str,
    documentation: &'static str,
}

impl TypeDescription {
    #[must_use]
    pub fn new(name: &'static str, kind: &'static str, subject: &'static str, version: u32) -> Self {
        let (service, documentation, events) = (None, "", Vec::new());
        Self { name, kind, subject, version, service, documentation, events, older: Vec::new(), schema: || None }
    }

    #[must_use]
    pub fn service(mut self, name: &'static str) -> Self {
        self.service = Some(name);
        self
    }

    #[must_use]
    pub fn documentation(mut self, text: &'static str) -> Self {
        self.documentation = text;
        self
    }

    #[must_use]
    pub fn event(
        mut self,
        variant: &'static str,
        event_type: &'static str,
        key: &'static str,
        documentation: &'static str,
    ) -> Self {
        self.events.push(Shape { variant, event_type, key, documentation });
        self
    }

    #[must_use]
    pub fn older(mut self, versions: Vec<u32>) -> Self {
        self.older = versions;
        self
    }

    #[must_use]
    pub fn version_before(self) -> Self {
        let before = self.version.saturating_sub(1);
        self.older(vec![before])
    }

    #[must_use]
    pub fn schema(mut self, schema: fn() -> Option<Value>) -> Self {
        self.schema = schema;
        self
    }

    /// True if a process of this service cannot publish the event.
    pub(super) fn is_of_another_service(&self, service: &str) -> bool {
        self.service.is_some_and(|own| own != service)
    }

    /// True if a reader of this type reads `other` too, as an older version.
    pub(super) fn converts(&self, other: &Self) -> bool {
        let is_same = |event: &Shape| other.events.iter().any(|older| older.event_type == event.event_type);
        (self.kind, self.subject) == (other.kind, other.subject)
            && self.older.contains(&other.version)
            && self.events.iter().any(is_same)
    }

    /// The type's events, with the routes of the attributes that name it.
    pub(super) fn published(&self, uses: &[&Use]) -> Vec<Published> {
        self.with_schema((self.schema)().as_ref(), uses)
    }

    /// The same without schemas, which take a while to make.
    #[cfg(feature = "_publisher")]
    pub(super) fn outlined(&self, uses: &[&Use]) -> Vec<Published> {
        self.with_schema(None, uses)
    }

    fn with_schema(&self, schema: Option<&Value>, uses: &[&Use]) -> Vec<Published> {
        let mut published = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            let names_it = |of: &&&Use| of.path.last().is_some_and(|last| *last == self.name || *last == event.variant);
            let uses: Vec<&&Use> = uses.iter().filter(names_it).collect();
            if !uses.iter().any(|of| of.on_success.is_some()) {
                published.push(self.described(event.event_type, event, self.schema_of(schema, index)));
            }
            for of in uses {
                if let Some(route) = of.on_success {
                    published.push(
                        of.ordered(self.described(event.event_type, event, self.schema_of(schema, index))).route(route),
                    );
                }
                if of.on_failure {
                    published.push(of.ordered(self.failure(self.schema_of(schema, index), event, of)));
                }
            }
        }
        published
    }

    /// The record of a failure: a domain event has a type of its own then. Its data has the outcome besides.
    fn failure(&self, schema: Option<Value>, event: &Shape, of: &Use) -> Published {
        let mut schema = schema.filter(|schema| schema["properties"].is_object());
        let is_always = self.kind == "domain" || of.on_success.is_none();
        for name in ["outcome", "error_message"] {
            let Some(schema) = &mut schema else { break };
            schema["properties"][name] = Value::Object(Map::new());
            let required = schema.as_object_mut().map(|fields| fields.entry("required").or_insert_with(|| json!([])));
            if let (true, Some(names)) = (is_always, required.and_then(Value::as_array_mut)) {
                names.push(json!(name));
            }
        }
        let failed = format!("{}_failed", event.event_type);
        let event_type = if self.kind == "domain" { &failed } else { event.event_type };
        self.described(event_type, event, schema).route("direct")
    }

    fn described(&self, event_type: &str, event: &Shape, schema: Option<Value>) -> Published {
        let topic = if self.kind == "domain" {
            let service = self.service.unwrap_or("{service}");
            format!("{service}.{}.{event_type}", self.subject).to_ascii_lowercase()
        } else {
            self.subject.to_owned()
        };
        let documentation = if event.documentation.is_empty() { self.documentation } else { event.documentation };
        let mut published =
            Published::new(self.kind, topic, event_type).version(self.version).documentation(documentation);
        if !event.key.is_empty() {
            published = published.key(event.key);
        }
        published.schema = schema;
        self.older.iter().fold(published, |published, version| published.from_version(*version))
    }

    fn schema_of(&self, schema: Option<&Value>, index: usize) -> Option<Value> {
        let is_enum = self.events.iter().any(|event| !event.variant.is_empty());
        let of_event = |schema| schema::of_event(schema, index, self.events.len());
        schema.map(|schema| if is_enum { of_event(schema) } else { schema.clone() })
    }
}

/// An attribute with an event in first place.
#[doc(hidden)]
#[derive(Debug)]
pub struct Use {
    kind: &'static str,
    /// The names in the path to the type, which may end with a variant.
    path: &'static [&'static str],
    on_success: Option<&'static str>,
    on_failure: bool,
    ordering: Option<&'static str>,
}

impl Use {
    #[must_use]
    pub fn new(kind: &'static str, path: &'static [&'static str]) -> Self {
        Self { kind, path, on_success: None, on_failure: false, ordering: None }
    }

    /// Sets the route of the event of a success.
    #[must_use]
    pub fn on_success(mut self, route: &'static str) -> Self {
        self.on_success = Some(route);
        self
    }

    #[must_use]
    pub fn on_failure(mut self) -> Self {
        self.on_failure = true;
        self
    }

    #[must_use]
    pub fn ordering(mut self, ordering: &'static str) -> Self {
        self.ordering = Some(ordering);
        self
    }

    /// The index of the type that is meant. Of two types of one name, that of the attribute's package is; a name that stays ambiguous adds nothing.
    pub(super) fn target(&self, package: &str, types: &[(&str, TypeDescription)]) -> Option<usize> {
        let found: Vec<usize> = (0..types.len()).filter(|&index| self.is_of(&types[index].1)).collect();
        let near: Vec<usize> = found.iter().copied().filter(|&index| types[index].0 == package).collect();
        match (found.as_slice(), near.as_slice()) {
            ([only], _) | (_, [only]) => Some(*only),
            _ => None,
        }
    }

    fn is_of(&self, description: &TypeDescription) -> bool {
        if self.kind != description.kind {
            return false;
        }
        match self.path {
            [.., last] if *last == description.name => true,
            [.., name, variant] => {
                *name == description.name && description.events.iter().any(|event| event.variant == *variant)
            }
            _ => false,
        }
    }

    fn ordered(&self, event: Published) -> Published {
        match self.ordering {
            Some(ordering) => event.ordering(ordering),
            None => event,
        }
    }
}
