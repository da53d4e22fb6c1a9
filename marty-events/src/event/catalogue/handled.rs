//! Descriptions of typed events that a service reads.

use serde_json::Value;

use super::{model::Handled, schema};
use crate::event::typed::{Older, TypedEvent, TypedEventKind};

/// One description for each type of the event. `schema` is that of the JSON which the newest version reads.
#[doc(hidden)]
#[must_use]
pub fn handled<T: TypedEvent>(group: Option<&str>, schema: Option<&Value>) -> Vec<Handled> {
    let count = T::EVENT_TYPES.len();
    let describe = |(index, event_type): (usize, &&str)| {
        let mut handled = Handled::without_group(String::new(), *event_type);
        handled.group = group.map(str::to_owned);
        handled.schema = schema.map(|whole| {
            // A struct has its fields at the top.
            if whole["properties"].is_object() { whole.clone() } else { schema::of_event(whole, index, count) }
        });
        match T::KIND {
            // It has no version on the wire, so its type reads all.
            TypedEventKind::Custom { topic } => topic.clone_into(&mut handled.topic),
            TypedEventKind::Domain { aggregate_type } => {
                let service = T::SERVICE.unwrap_or_default();
                handled.topic = format!("{service}.{aggregate_type}.{event_type}").to_ascii_lowercase();
                handled.versions = T::Older::versions();
                handled.versions.push(T::EVENT_VERSION);
            }
        }
        handled
    };
    T::EVENT_TYPES.iter().enumerate().map(describe).collect()
}
