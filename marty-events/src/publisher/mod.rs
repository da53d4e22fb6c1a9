//! How an event leaves the process: the registered publisher and its two roads.

use uuid::Uuid;

use crate::{Event, EventError, OutboxTransaction};

/// Publishes events; a cheap clone of the one registered by [`init`](crate::init).
#[derive(Debug, Clone)]
pub struct EventPublisher;

impl EventPublisher {
    /// Sends one event to Kafka and waits until the broker has it; answers its id.
    #[expect(clippy::unused_async)]
    pub async fn publish(&self, event: impl Into<Event>) -> Result<Uuid, EventError> {
        let _ = event.into();
        Err(EventError::NotInitialized)
    }

    /// Writes one event in the caller's transaction; answers its id.
    pub async fn publish_in<T: OutboxTransaction + ?Sized>(
        &self,
        transaction: &mut T,
        event: impl Into<Event>,
    ) -> Result<Uuid, EventError> {
        let _ = (transaction.connection(), event.into());
        Err(EventError::NotInitialized)
    }
}

/// The registered publisher.
pub fn publisher() -> Result<EventPublisher, EventError> {
    Err(EventError::NotInitialized)
}
