//! Reading of a JSON Schema's keywords.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::numbers;

/// The schemas of a list by their index, or those of an object by their name.
pub(super) fn parts(schemas: &Value) -> Vec<(String, &Value)> {
    match schemas {
        Value::Array(list) => list.iter().enumerate().map(|(index, schema)| (index.to_string(), schema)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, schema)| (name.clone(), schema)).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()
}

/// Follows references within the document. A chain that does not end in 16 steps stays as it is.
pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..16 {
        let Some(target) = reference(schema).and_then(|target| target.strip_prefix('#')) else { break };
        let Some(found) = root.pointer(target) else { break };
        schema = found;
    }
    schema
}

/// Equal texts with references may mean different things in the two documents.
pub(super) fn reference_free(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().all(|(name, value)| name != "$ref" && reference_free(value)),
        Value::Array(items) => items.iter().all(reference_free),
        _ => true,
    }
}

pub(super) fn accepts_all(schema: &Value) -> bool {
    match schema {
        Value::Bool(accepts) => *accepts,
        Value::Object(fields) => fields.keys().all(|name| SILENT.contains(&name.as_str())),
        _ => false,
    }
}

pub(super) fn is_closed(schema: &Value) -> bool {
    schema["additionalProperties"] == Value::Bool(false)
}

/// A keyword's schema, if it restricts anything.
pub(super) fn typed<'a>(schema: &'a Value, keyword: &str) -> Option<&'a Value> {
    schema.get(keyword).filter(|schema| !accepts_all(schema))
}

pub(super) fn types(schema: &Value) -> BTreeSet<String> {
    match &schema["type"] {
        Value::String(name) => BTreeSet::from([name.clone()]),
        Value::Array(names) => names.iter().filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect(),
        _ => BTreeSet::new(),
    }
}

pub(super) fn values(schema: &Value) -> Option<Vec<Value>> {
    schema["enum"].as_array().cloned().or_else(|| schema.get("const").map(|value| vec![value.clone()]))
}

/// A schema without its texts.
pub(super) fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, value)| !is_text(name, value))
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect(),
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

/// A property may have a keyword's name; its schema is an object and no text.
fn is_text(name: &str, value: &Value) -> bool {
    matches!(name, "title" | "description") && value.is_string() || matches!(name, "default" | "examples")
}

/// The keywords that no rule knows, without annotations of other tools.
pub(super) fn others(schema: &Value) -> Map<String, Value> {
    let fields = schema.as_object().cloned().unwrap_or_default();
    let is_known = |name: &str| SILENT.contains(&name) || RULED.contains(&name) || numbers::is_limit(name);
    fields.into_iter().filter(|(name, _)| !is_known(name) && !name.starts_with("x-")).collect()
}

/// Keywords that restrict no value.
const SILENT: [&str; 12] = [
    "$schema",
    "$id",
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
];

/// Keywords that have a rule of their own below.
const RULED: [&str; 14] = [
    "$ref",
    "type",
    "enum",
    "const",
    "format",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "oneOf",
    "anyOf",
    "allOf",
    "prefixItems",
    "patternProperties",
];
