//! Descriptions of a block's handlers, for the catalogue.

use schemars::JsonSchema;
use serde_json::Value;

use super::{EventSelection, Reader, ReceivedArgument};
use crate::{
    TypedEvent,
    event::catalogue::{Handled, SchemaOf, handled},
};

/// Describes a typed event by the schema of the JSON that its type reads.
pub(crate) type Describe = fn(Option<&Value>) -> Vec<Handled>;

pub(super) fn typed<T: TypedEvent>(schema: Option<&Value>) -> Vec<Handled> {
    handled::<T>(None, schema)
}

impl<A> Reader<A> {
    /// The events of this handler. The schema of one that is named by its topic is left out: the handler reads the whole payload, and the
    /// catalogue has the schema of its data.
    #[must_use]
    pub fn handled(&self, schema: Option<&Value>) -> Vec<Handled> {
        if let Some(describe) = self.describe {
            return describe(schema);
        }
        match self.events {
            EventSelection::Named { topic, event_types: [] } => vec![Handled::without_group(topic, "*")],
            EventSelection::Named { topic, event_types } => {
                event_types.iter().map(|event_type| Handled::without_group(topic, *event_type)).collect()
            }
            EventSelection::Typed { .. } => Vec::new(),
        }
    }
}

impl<A: ReceivedArgument<Payload: JsonSchema>> Reader<A> {
    /// The schema of the JSON that the payload's type reads.
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        SchemaOf::<A::Payload>::ask().read()
    }
}

/// The answer for a payload without a schema. Generated code calls a method on the reader: the inherent one is found for a payload with
/// `JsonSchema`, and this one for any other.
pub trait WithoutSchema {
    /// No schema.
    #[must_use]
    fn schema(&self) -> Option<Value> {
        None
    }
}

impl<A> WithoutSchema for Reader<A> {}
