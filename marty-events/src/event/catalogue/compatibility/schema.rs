//! Comparison of JSON Schemas. A schema that accepts more breaks old readers; one that accepts less breaks new readers.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    change::{
        Verdict,
        Verdict::{Breaks, Reads},
    },
    numbers,
};

/// A difference between two schemas.
pub(super) struct Found {
    pub(super) path: String,
    pub(super) kind: &'static str,
    pub(super) old: Verdict,
    pub(super) new: Verdict,
}

pub(super) fn compare(old: &Value, new: &Value) -> Vec<Found> {
    let mut comparison = Comparison { old, new, under_way: BTreeSet::new(), found: Vec::new() };
    comparison.schema("", old, new);
    comparison.found
}

/// Keywords that say nothing about accepted values, and those that have a rule of their own below.
const KNOWN: [&str; 24] = [
    "$schema",
    "$id",
    "$ref",
    "$defs",
    "definitions",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "type",
    "nullable",
    "enum",
    "const",
    "format",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "oneOf",
    "anyOf",
];

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    /// Pairs of references that are being compared. A type may contain itself.
    under_way: BTreeSet<(String, String)>,
    found: Vec<Found>,
}

impl<'a> Comparison<'a> {
    fn schema(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let names = (reference(old), reference(new));
        if let (Some(before), Some(after)) = &names {
            let pair = ((*before).to_owned(), (*after).to_owned());
            if !self.under_way.insert(pair.clone()) {
                return;
            }
            let (old, new) = (resolve(self.old, old), resolve(self.new, new));
            self.resolved(path, old, new);
            self.under_way.remove(&pair);
            return;
        }
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        self.resolved(path, old, new);
    }

    fn resolved(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        if old == new && reference_free(old) {
            return;
        }
        match (accepts_all(old), accepts_all(new)) {
            (true, true) => return,
            (true, false) => return self.add(path, "type given to an untyped field", Reads, Breaks),
            (false, true) => return self.add(path, "type taken from a field", Breaks, Reads),
            (false, false) => {}
        }
        self.types(path, old, new);
        self.values(path, old, new);
        self.format(path, old, new);
        self.fields(path, old, new);
        self.open(path, old, new);
        self.items(path, old, new);
        self.alternatives(path, old, new);
        for (kind, old, new) in numbers::limits(old, new) {
            self.add(path, kind, old, new);
        }
        let others = |schema: &Value| -> Map<String, Value> {
            let fields = schema.as_object().cloned().unwrap_or_default();
            fields
                .into_iter()
                .filter(|(name, _)| {
                    !KNOWN.contains(&name.as_str()) && !numbers::is_limit(name) && !name.starts_with("x-")
                })
                .collect()
        };
        // The rules know no more about these, so both readers count as broken.
        if others(old) != others(new) {
            self.add(path, "other keyword changed", Breaks, Breaks);
        }
    }

    fn types(&mut self, path: &str, old: &Value, new: &Value) {
        let (mut before, mut after) = (types(old), types(new));
        if before.is_empty() && after.is_empty() {
            return;
        }
        // An empty list accepts every type.
        if before.is_empty() {
            return self.add(path, "type narrowed", Reads, Breaks);
        }
        if after.is_empty() {
            return self.add(path, "type widened", Breaks, Reads);
        }
        match (before.remove("null"), after.remove("null")) {
            (false, true) => self.add(path, "null allowed", Breaks, Reads),
            (true, false) => self.add(path, "null forbidden", Reads, Breaks),
            _ => {}
        }
        let covers = |wide: &BTreeSet<String>, narrow: &BTreeSet<String>| {
            narrow.iter().all(|name| wide.contains(name) || (name == "integer" && wide.contains("number")))
        };
        match (covers(&after, &before), covers(&before, &after)) {
            (true, true) => {}
            (true, false) => self.add(path, "type widened", Breaks, Reads),
            (false, true) => self.add(path, "type narrowed", Reads, Breaks),
            (false, false) => self.add(path, "type changed", Breaks, Breaks),
        }
    }

    fn values(&mut self, path: &str, old: &Value, new: &Value) {
        match (values(old), values(new)) {
            (None, None) => {}
            (None, Some(_)) => self.add(path, "enum added", Reads, Breaks),
            (Some(_), None) => self.add(path, "enum removed", Breaks, Reads),
            (Some(before), Some(after)) => {
                let is_grown = after.iter().any(|value| !before.contains(value));
                let is_shrunk = before.iter().any(|value| !after.contains(value));
                if is_grown {
                    self.add(path, "enum grown", Breaks, Reads);
                }
                if is_shrunk {
                    self.add(path, "enum shrunk", Reads, Breaks);
                }
            }
        }
    }

    fn format(&mut self, path: &str, old: &Value, new: &Value) {
        match (old["format"].as_str(), new["format"].as_str()) {
            (None, Some(_)) => self.add(path, "format added", Reads, Breaks),
            (Some(_), None) => self.add(path, "format removed", Breaks, Reads),
            (Some(before), Some(after)) if before != after => self.add(path, "format changed", Breaks, Breaks),
            _ => {}
        }
    }

    fn fields(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let empty = || Map::new();
        let names: BTreeSet<String> = [old, new]
            .into_iter()
            .flat_map(|schema| schema["properties"].as_object().cloned().unwrap_or_else(empty).into_iter())
            .map(|(name, _)| name)
            .collect();
        let is_required = |schema: &Value, name: &str| {
            schema["required"].as_array().is_some_and(|list| list.iter().any(|entry| entry.as_str() == Some(name)))
        };
        for name in names {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let (was, is) = (is_required(old, &name), is_required(new, &name));
            match (old["properties"].get(&name), new["properties"].get(&name)) {
                (None, Some(field)) => {
                    let new_readers = if is { Breaks } else { Reads };
                    let kind = match (is, field.get("default").is_some(), is_closed(old)) {
                        (_, _, true) => "field added to a closed object",
                        (true, ..) => "required field added",
                        (false, true, _) => "field with default added",
                        (false, false, _) => "optional field added",
                    };
                    self.add(&path, kind, if is_closed(old) { Breaks } else { Reads }, new_readers);
                }
                (Some(_), None) => {
                    let new_readers = if is_closed(new) { Breaks } else { Reads };
                    let kind = match (is_closed(new), was) {
                        (true, _) => "field removed from a closed object",
                        (false, true) => "required field removed",
                        (false, false) => "optional field removed",
                    };
                    self.add(&path, kind, if was { Breaks } else { Reads }, new_readers);
                }
                (Some(before), Some(after)) => {
                    match (was, is) {
                        (true, false) => self.add(&path, "field made optional", Breaks, Reads),
                        (false, true) => self.add(&path, "field made required", Reads, Breaks),
                        _ => {}
                    }
                    self.schema(&path, before, after);
                }
                (None, None) => {}
            }
        }
    }

    fn open(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        match (is_closed(old), is_closed(new)) {
            (true, false) => self.add(path, "additional properties allowed", Breaks, Reads),
            (false, true) => self.add(path, "additional properties forbidden", Reads, Breaks),
            (true, true) => {}
            (false, false) => {
                let path = format!("{path}{{}}");
                match (typed(old, "additionalProperties"), typed(new, "additionalProperties")) {
                    (Some(before), Some(after)) => self.schema(&path, before, after),
                    (Some(_), None) => self.add(&path, "map's values untyped", Breaks, Reads),
                    (None, Some(_)) => self.add(&path, "map's values typed", Reads, Breaks),
                    (None, None) => {}
                }
            }
        }
    }

    fn items(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let path = format!("{path}[]");
        match (typed(old, "items"), typed(new, "items")) {
            (Some(before), Some(after)) => self.schema(&path, before, after),
            (Some(_), None) => self.add(&path, "array's items untyped", Breaks, Reads),
            (None, Some(_)) => self.add(&path, "array's items typed", Reads, Breaks),
            (None, None) => {}
        }
    }

    fn alternatives(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let list = |root: &'a Value, schema: &'a Value| -> Option<Vec<&'a Value>> {
            let list = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
            Some(list.iter().map(|entry| resolve(root, entry)).collect())
        };
        match (list(self.old, old), list(self.new, new)) {
            (None, None) => {}
            (None, Some(_)) | (Some(_), None) => self.add(path, "alternatives added or removed", Breaks, Breaks),
            (Some(before), Some(after)) => {
                let is_in = |entry: &&Value, list: &[&Value]| list.iter().any(|other| plain(other) == plain(entry));
                let gone: Vec<&Value> = before.iter().copied().filter(|entry| !is_in(entry, &after)).collect();
                let come: Vec<&Value> = after.iter().copied().filter(|entry| !is_in(entry, &before)).collect();
                // One alternative that changed is compared with itself.
                if let ([was], [is]) = (gone.as_slice(), come.as_slice()) {
                    return self.resolved(&format!("{path}|"), was, is);
                }
                if !come.is_empty() {
                    self.add(path, "alternative added", Breaks, Reads);
                }
                if !gone.is_empty() {
                    self.add(path, "alternative removed", Reads, Breaks);
                }
            }
        }
    }

    fn add(&mut self, path: &str, kind: &'static str, old: Verdict, new: Verdict) {
        self.found.push(Found { path: path.to_owned(), kind, old, new });
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()
}

/// Follows references within the document. A chain that does not end in 16 steps stays as it is.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..16 {
        let Some(target) = reference(schema).and_then(|target| target.strip_prefix('#')) else { break };
        let Some(found) = root.pointer(target) else { break };
        schema = found;
    }
    schema
}

/// Equal texts with references may mean different things in the two documents.
fn reference_free(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().all(|(name, value)| name != "$ref" && reference_free(value)),
        Value::Array(items) => items.iter().all(reference_free),
        _ => true,
    }
}

fn accepts_all(schema: &Value) -> bool {
    match schema {
        Value::Bool(accepts) => *accepts,
        Value::Object(fields) => fields.keys().all(|name| {
            matches!(name.as_str(), "$schema" | "$id" | "$comment" | "title" | "description" | "default" | "examples")
        }),
        _ => false,
    }
}

fn is_closed(schema: &Value) -> bool {
    schema["additionalProperties"] == Value::Bool(false)
}

/// A keyword's schema, if it restricts anything.
fn typed<'a>(schema: &'a Value, keyword: &str) -> Option<&'a Value> {
    schema.get(keyword).filter(|schema| !accepts_all(schema))
}

fn types(schema: &Value) -> BTreeSet<String> {
    match &schema["type"] {
        Value::String(name) => BTreeSet::from([name.clone()]),
        Value::Array(names) => names.iter().filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect(),
        _ => BTreeSet::new(),
    }
}

fn values(schema: &Value) -> Option<Vec<Value>> {
    schema["enum"].as_array().cloned().or_else(|| schema.get("const").map(|value| vec![value.clone()]))
}

/// A schema without its texts.
fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "title" | "description" | "default" | "examples"))
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect(),
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}
