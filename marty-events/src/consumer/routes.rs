//! The handler of a record: by its topic, and by the event's type.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{EventSelection, HandlerDescription, Incoming, envelope::open};
use crate::{
    EventError,
    config::EventConfig,
    inbox::{Delivery, Identity},
};

/// A record with a handler.
#[derive(Debug)]
pub(super) struct Work {
    /// The handler's place in the routes.
    pub(super) handler: usize,
    /// Its handler has it too, while it is called.
    pub(super) record: Incoming,
    /// The time when this process had read it.
    pub(super) read: Instant,
}

/// The handlers of a consumer, by topic.
#[derive(Debug, Default)]
pub(super) struct Routes {
    handlers: Vec<Route>,
    by_topic: HashMap<String, Vec<usize>>,
}

/// A handler, found by the object that has it and the place there.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) object: usize,
    pub(super) index: usize,
    pub(super) description: &'static HandlerDescription,
}

impl Routes {
    /// Adds the handlers of an object.
    pub(super) fn add(
        &mut self,
        object: usize,
        descriptions: &'static [HandlerDescription],
        config: &EventConfig,
    ) -> Result<(), EventError> {
        let source = config.source();
        for (index, description) in descriptions.iter().enumerate() {
            for topic in description.events.topics(&source)? {
                let others = self.by_topic.entry(topic.clone()).or_default();
                for other in others.iter() {
                    let other = self.handlers[*other].description;
                    if let Some(shared) = shared(description, other) {
                        return Err(EventError::InvalidConsumer {
                            problem: format!(
                                "`{}` and `{}` both handle {shared} of the topic `{topic}`; a group handles an event once: give one of them a group of its own, or call both from one handler",
                                other.name, description.name
                            ),
                        });
                    }
                }
                if !others.contains(&self.handlers.len()) {
                    others.push(self.handlers.len());
                }
            }
            self.handlers.push(Route { object, index, description });
        }
        Ok(())
    }

    /// The longest time that a handler asks for itself.
    pub(super) fn longest_timeout(&self) -> Option<Duration> {
        self.handlers.iter().filter_map(|route| route.description.timeout).max()
    }

    /// The topics to read, in the order of their names.
    pub(super) fn topics(&self) -> Vec<String> {
        let mut topics: Vec<String> = self.by_topic.keys().cloned().collect();
        topics.sort_unstable();
        topics
    }

    /// The record with its handler; nothing where no handler is for it.
    pub(super) fn find(&self, delivery: Delivery) -> Option<Work> {
        let handlers = self.by_topic.get(&*delivery.topic)?;
        let record = open(delivery);
        let handler = handlers.iter().copied().find(|handler| {
            let description = self.handlers[*handler].description;
            description.events.takes(&record, description.has_envelope)
        })?;
        Some(Work { handler, record: Arc::new(record), read: Instant::now() })
    }

    /// The names of all handlers.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.handlers.iter().map(|route| route.description.name)
    }

    pub(super) fn route(&self, handler: usize) -> &Route {
        &self.handlers[handler]
    }

    pub(super) fn is_of_batches(&self, handler: usize) -> bool {
        self.handlers[handler].description.is_batch
    }
}

impl Work {
    pub(super) fn delivery(&self) -> &Delivery {
        &self.record.delivery
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.record.identity
    }

    /// The lane of the record's key.
    pub(super) fn lane(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&*self.delivery().topic, &self.identity().key).hash(&mut hasher);
        hasher.finish()
    }
}

fn event_types(description: &HandlerDescription) -> &'static [&'static str] {
    match description.events {
        EventSelection::Typed { event_types, .. } | EventSelection::Named { event_types, .. } => event_types,
    }
}

/// The events that both are for.
fn shared(one: &HandlerDescription, other: &HandlerDescription) -> Option<String> {
    let (one, other) = (event_types(one), event_types(other));
    if one.is_empty() || other.is_empty() {
        return Some("events".to_owned());
    }
    one.iter().find(|event_type| other.contains(event_type)).map(|event_type| format!("`{event_type}`"))
}
