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
    /// The schema of the JSON that the type writes.
    #[must_use]
    pub fn written(&self) -> Option<Value> {
        Some(schema::<T>(SchemaSettings::draft2020_12().for_serialize()))
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
