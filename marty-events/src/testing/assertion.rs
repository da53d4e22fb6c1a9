#![allow(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "each step asserts at once")]

use std::fmt::Write;

use super::{RecordedEvent, Route};
use crate::{TypedEvent, TypedEventKind};

/// The events that an assertion is still about.
#[derive(Debug, Clone)]
pub struct Assertion {
    what: String,
    matching: Vec<RecordedEvent>,
    all: Vec<RecordedEvent>,
}

impl Assertion {
    #[track_caller]
    pub(super) fn begin(event_type: &str, all: Vec<RecordedEvent>) -> Self {
        let assertion = Self { what: "an event".to_owned(), matching: all.clone(), all };
        assertion.narrowed(&format!("of type `{event_type}`"), |event| event.event_type == event_type)
    }

    /// The events of a typed event: any of its types, and its aggregate or topic.
    #[track_caller]
    pub(super) fn begin_typed<T: TypedEvent>(all: Vec<RecordedEvent>) -> Self {
        let assertion = Self { what: "an event".to_owned(), matching: all.clone(), all };
        assertion.narrowed(&format!("of type `{}`", T::EVENT_TYPES.join("` or `")), is_of_type::<T>)
    }

    #[track_caller]
    pub(super) fn none_typed<T: TypedEvent>(all: &[RecordedEvent]) {
        let types = T::EVENT_TYPES.join("` or `");
        let found = all.iter().any(is_of_type::<T>);
        assert!(!found, "an event of type `{types}` was published, and none was expected\n{}", listed(all));
    }

    #[track_caller]
    pub(super) fn none(event_type: &str, all: &[RecordedEvent]) {
        let found = all.iter().any(|event| event.event_type == event_type);
        assert!(!found, "an event of type `{event_type}` was published, and none was expected\n{}", listed(all));
    }

    /// With this key.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn key(self, key: &str) -> Self {
        self.narrowed(&format!("with key `{key}`"), |event| event.key.as_deref() == Some(key))
    }

    /// On this topic.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn topic(self, topic: &str) -> Self {
        self.narrowed(&format!("on topic `{topic}`"), |event| event.topic == topic)
    }

    /// That went this way.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn route(self, route: Route) -> Self {
        self.narrowed(&format!("by the route {route:?}"), |event| event.route == route)
    }

    /// Whose payload has this value at a JSON pointer (RFC 6901), such as `/event_data/email`.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn payload(self, pointer: &str, value: impl Into<serde_json::Value>) -> Self {
        let value = value.into();
        self.narrowed(&format!("with {value} at `{pointer}`"), |event| event.payload.pointer(pointer) == Some(&value))
    }

    /// Exactly so many of those.
    ///
    /// # Panics
    ///
    /// When there are more or fewer.
    #[track_caller]
    pub fn times(self, count: usize) -> Self {
        let found = self.matching.len();
        assert!(
            found == count,
            "{} was published {found} times, and {count} were expected\n{}",
            self.what,
            listed(&self.all)
        );
        self
    }

    /// The first of the events.
    pub(super) fn first(&self) -> Option<&RecordedEvent> {
        self.matching.first()
    }

    /// All the recorded events, for a message.
    pub(super) fn listed(&self) -> String {
        listed(&self.all)
    }

    #[track_caller]
    fn narrowed(mut self, condition: &str, holds: impl Fn(&RecordedEvent) -> bool) -> Self {
        write!(self.what, " {condition}").ok();
        self.matching.retain(holds);
        assert!(!self.matching.is_empty(), "{} was not published\n{}", self.what, listed(&self.all));
        self
    }
}

fn is_of_type<T: TypedEvent>(event: &RecordedEvent) -> bool {
    let is_about = match T::KIND {
        TypedEventKind::Domain { aggregate_type } => {
            event.payload.get("aggregate_type").is_some_and(|given| given == aggregate_type)
        }
        TypedEventKind::Custom { topic } => {
            event.topic.strip_suffix(topic).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        }
    };
    is_about && T::EVENT_TYPES.contains(&event.event_type.as_str())
}

fn listed(events: &[RecordedEvent]) -> String {
    if events.is_empty() {
        return "nothing was recorded".to_owned();
    }
    let lines = events.iter().map(|event| {
        let RecordedEvent { event_type, topic, key, route, payload, .. } = event;
        format!("\n  {event_type} on {topic}, key {}, {route:?}: {payload}", key.as_deref().unwrap_or("none"))
    });
    std::iter::once("recorded:".to_owned()).chain(lines).collect()
}
