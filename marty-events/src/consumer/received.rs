use std::ops::Deref;

use super::Delivery;

/// An event with the record that it came in, the argument of a handler.
#[derive(Debug)]
pub struct Received<T> {
    event: T,
    delivery: Delivery,
}

impl<T> Received<T> {
    pub(crate) fn new(event: T, delivery: Delivery) -> Self {
        Self { event, delivery }
    }

    /// The event alone.
    pub fn into_inner(self) -> T {
        self.event
    }

    /// The topic that the record came from, with its prefix.
    pub fn topic(&self) -> &str {
        &self.delivery.topic
    }
}

impl<T> Deref for Received<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.event
    }
}
