//! Writing an event without a transaction of the caller's.

use uuid::Uuid;

use crate::{Event, EventError, OutboxRepository};

impl OutboxRepository {
    /// Writes an event in a transaction of its own, for work that has none; answers the event's id.
    ///
    /// Keep the repository, or clones of it, for many events: on PostgreSQL they announce events to other processes at most every
    /// 25 ms together, and each announcement takes a lock of the whole server.
    ///
    /// Dropping the future may leave the event written or not.
    ///
    /// # Errors
    ///
    /// [`EventError::NotInitialized`] before [`init`](crate::init): the publisher's service name goes into the event.
    pub async fn enqueue(&self, event: impl Into<Event>) -> Result<Uuid, EventError> {
        let message = super::publisher()?.complete(event.into())?;
        self.keep(&message).await?;
        Ok(message.id)
    }
}
