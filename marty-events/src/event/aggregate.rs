//! The aggregate that a domain event is about.

use std::fmt::{Display, Write};

/// Type and id of an aggregate as `type/id`, the ordering key of its events. The parts are read from that one text, so that an event has one
/// allocation for the three.
#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    text: String,
    /// The length of the type.
    length: usize,
}

/// Room for a slash and an id.
const ID: usize = 37;

impl Aggregate {
    pub(crate) fn new(aggregate_type: &str, id: impl Display) -> Self {
        let length = aggregate_type.len();
        let mut text = String::with_capacity(length + ID);
        text.push_str(aggregate_type);
        text.push('/');
        // A part of an id would be another aggregate's. `to_string` panics here too.
        assert!(write!(text, "{id}").is_ok(), "the id's `Display` failed");
        Self { text, length }
    }

    pub(crate) fn aggregate_type(&self) -> &str {
        &self.text[..self.length]
    }

    pub(crate) fn id(&self) -> &str {
        &self.text[self.length + 1..]
    }

    /// Events of one ordering key are delivered in order.
    pub(crate) fn ordering_key(&self) -> &str {
        &self.text
    }

    /// The same with another id.
    pub(super) fn change_id(&mut self, change: impl FnOnce(&mut String)) {
        let mut id = self.text.split_off(self.length + 1);
        change(&mut id);
        self.text.push_str(&id);
    }
}
