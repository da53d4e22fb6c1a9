//! The events of one call, from the end of the body to their hand-over.

use crate::{
    Event, EventError,
    event::{AuditEvent, data::Data},
    publisher::{self, log},
};
#[cfg(feature = "_database")]
use crate::{OutboxConnection, publisher::Writing};

/// The events of one call of an annotated method.
#[derive(Debug, Default)]
pub struct Batch {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    event: Event,
    /// Sent directly, even beside a handle.
    is_direct: bool,
    /// The method fails if the event, sent directly, is not published.
    is_strict: bool,
}

impl Batch {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event with the delivery that the arguments' types select. The methods that follow change the event that was added last.
    ///
    /// They are by value: a batch that was borrowed would be a part of the method's future.
    #[must_use]
    pub fn push<E: Into<Event>>(mut self, event: E) -> Self {
        self.entries.push(Entry { event: event.into(), is_direct: false, is_strict: false });
        self
    }

    #[must_use]
    pub fn data(mut self, data: Data) -> Self {
        if let Some(entry) = self.entries.last_mut() {
            entry.event.set_data(data.finish());
        }
        self
    }

    /// The event is sent directly, even beside a handle.
    #[must_use]
    pub fn direct(mut self) -> Self {
        if let Some(entry) = self.entries.last_mut() {
            entry.is_direct = true;
        }
        self
    }

    /// The method fails if the event, sent directly, is not published.
    #[must_use]
    pub fn strict(mut self) -> Self {
        if let Some(entry) = self.entries.last_mut() {
            entry.is_strict = true;
        }
        self
    }

    pub fn previous_state(event: AuditEvent, state: Data) -> AuditEvent {
        event.with_previous_state(state.finish())
    }

    pub fn new_state(event: AuditEvent, state: Data) -> AuditEvent {
        event.with_new_state(state.finish())
    }

    /// The error for a refused batch: the fault of an event, or else `problem`.
    pub(super) fn refused(self, problem: String) -> EventError {
        if let Some(error) = self.entries.iter().find_map(|entry| entry.event.unwritable()) {
            return error;
        }
        let event_type = self.entries.first().map(|entry| entry.event.event_type().to_owned()).unwrap_or_default();
        EventError::InvalidEvent { event_type, problem }
    }

    /// Makes the events ready that are to be written in the method's transaction.
    #[cfg(feature = "_database")]
    pub(super) fn prepared(self) -> Prepared {
        let (direct, written): (Vec<_>, Vec<_>) = self.entries.into_iter().partition(|entry| entry.is_direct);
        let written: Vec<_> = written.into_iter().map(|entry| entry.event).collect();
        Prepared { writing: if written.is_empty() { None } else { Some(Writing::new(written)) }, direct }
    }

    /// Sends all the events.
    pub(super) async fn send(self) -> Result<(), EventError> {
        send_each(self.entries).await
    }
}

/// The events of a method with a transaction, before the transaction is touched.
#[cfg(feature = "_database")]
pub(super) struct Prepared {
    writing: Option<Result<Writing, EventError>>,
    direct: Vec<Entry>,
}

#[cfg(feature = "_database")]
impl Prepared {
    pub(super) fn needs_connection(&self) -> bool {
        matches!(&self.writing, Some(Ok(writing)) if writing.needs_connection())
    }

    /// Writes the events on the transaction's connection, in one round trip. Then sends those with `delivery = "direct"`.
    pub(super) async fn write_on(self, connection: Option<OutboxConnection<'_>>) -> Result<(), EventError> {
        if let Some(writing) = self.writing {
            writing?.write_on(connection).await?;
        }
        send_each(self.direct).await
    }
}

/// Sends each event on its own: a fault or a failure of one does not stop the others. Answers the first failure whose
/// attribute says `on_publish_error = "fail"`.
async fn send_each(entries: Vec<Entry>) -> Result<(), EventError> {
    if entries.is_empty() {
        return Ok(());
    }
    let (events, strict): (Vec<_>, Vec<_>) = entries.into_iter().map(|entry| (entry.event, entry.is_strict)).unzip();
    let results = match publisher::record_direct(events).await {
        Ok(results) => results,
        Err(error) if strict.contains(&true) => return Err(error),
        Err(error) => {
            log(&error);
            return Ok(());
        }
    };
    let mut answer = Ok(());
    for (result, is_strict) in results.into_iter().zip(strict) {
        match result {
            Err(error) if is_strict && answer.is_ok() => answer = Err(error),
            Err(error) => log(&error),
            Ok(()) => {}
        }
    }
    answer
}
