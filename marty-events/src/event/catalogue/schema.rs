//! The JSON Schema of a type, if the type has one.

use std::marker::PhantomData;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

/// Asks a type for its schema. Generated code calls a method on it: the inherent one is found for a type with `JsonSchema`, and that of
/// [`WithoutSchema`] for any other type.
#[doc(hidden)]
#[derive(Debug)]
pub struct SchemaOf<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: ?Sized> SchemaOf<T> {
    #[must_use]
    pub fn ask() -> Self {
        Self(PhantomData)
    }
}

impl<T: JsonSchema + ?Sized> SchemaOf<T> {
    /// The schema of the JSON that the type writes. A field that the type reads without is not required: a later version may leave it out, and an
    /// earlier one did not have it.
    #[must_use]
    pub fn written(&self) -> Option<Value> {
        let mut written = schema::<T>(SchemaSettings::draft2020_12().for_serialize());
        relax(&mut written, &schema::<T>(SchemaSettings::draft2020_12().for_deserialize()));
        Some(written)
    }

    /// The schema of the JSON that the type reads.
    #[must_use]
    pub fn read(&self) -> Option<Value> {
        Some(schema::<T>(SchemaSettings::draft2020_12().for_deserialize()))
    }
}

/// The answers of a type without a schema.
#[doc(hidden)]
pub trait WithoutSchema {
    #[must_use]
    fn written(&self) -> Option<Value> {
        None
    }

    #[must_use]
    fn read(&self) -> Option<Value> {
        None
    }
}

impl<T: ?Sized> WithoutSchema for SchemaOf<T> {}

/// Takes the fields from `required` that `read` has and does not require, at every depth where the two schemas have the same form.
fn relax(written: &mut Value, read: &Value) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            if let (Some(Value::Array(names)), Some(known)) = (written.get_mut("required"), read.get("properties")) {
                let demanded = read.get("required").and_then(Value::as_array);
                names.retain(|name| {
                    let is_known = name.as_str().is_some_and(|name| known.get(name).is_some());
                    !is_known || demanded.is_some_and(|demanded| demanded.contains(name))
                });
                if names.is_empty() {
                    written.remove("required");
                }
            }
            for (keyword, part) in written.iter_mut() {
                if let Some(other) = read.get(keyword) {
                    relax(part, other);
                }
            }
        }
        (Value::Array(written), Value::Array(read)) if written.len() == read.len() => {
            for (part, other) in written.iter_mut().zip(read) {
                relax(part, other);
            }
        }
        _ => {}
    }
}

/// The schema of one event of a type with several: an enum's schema has an alternative for each variant, in their order. If it has another
/// number of them, the whole schema stands for each.
pub(super) fn of_event(schema: &Value, index: usize, count: usize) -> Value {
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|keyword| schema[keyword].as_array());
    let Some(alternatives) = alternatives.filter(|list| list.len() == count) else { return schema.clone() };
    let mut chosen = alternatives[index].clone();
    if let (Some(fields), Some(definitions)) = (chosen.as_object_mut(), schema.get("$defs")) {
        fields.insert("$defs".to_owned(), definitions.clone());
    }
    chosen
}

fn schema<T: JsonSchema + ?Sized>(settings: SchemaSettings) -> Value {
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(fields) = schema.as_object_mut() {
        // The dialect is that of every schema in the catalogue, and the description has name and documentation of its own.
        for keyword in ["$schema", "title", "description"] {
            fields.remove(keyword);
        }
    }
    schema
}
