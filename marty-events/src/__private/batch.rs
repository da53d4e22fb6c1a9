//! The events of one call, from the end of the body to their hand-over.

#[cfg(feature = "_database")]
use crate::OutboxTransaction;
use crate::{
    Event, EventError,
    event::{AuditEvent, CustomEvent, DomainEvent, Json, NotificationEvent, data::Data},
    publisher::{self, log},
};

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

/// An event that data can be put in.
pub trait Builder: Into<Event> {
    #[must_use]
    fn with_data(self, data: Json) -> Self;
}

macro_rules! builder {
    ($($event:ty: $($part:ident).+;)*) => {
        $(impl Builder for $event {
            fn with_data(mut self, data: Json) -> Self {
                self.$($part).+ = data;
                self
            }
        })*
    };
}

builder! {
    AuditEvent: payload.operation_details;
    DomainEvent: payload.event_data;
    NotificationEvent: payload.template_variables;
    CustomEvent: payload;
}

impl Batch {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event with the delivery that the arguments' types select.
    pub fn push<B: Builder>(&mut self, event: B, data: Option<Data>, is_strict: bool) {
        self.add(event, data, false, is_strict);
    }

    /// Adds an event that is sent directly.
    pub fn push_direct<B: Builder>(&mut self, event: B, data: Option<Data>, is_strict: bool) {
        self.add(event, data, true, is_strict);
    }

    pub fn previous_state(&mut self, event: AuditEvent, state: Data) -> AuditEvent {
        event.with_previous_state(state.finish())
    }

    pub fn new_state(&mut self, event: AuditEvent, state: Data) -> AuditEvent {
        event.with_new_state(state.finish())
    }

    fn add<B: Builder>(&mut self, event: B, data: Option<Data>, is_direct: bool, is_strict: bool) {
        let event = match data {
            Some(data) => event.with_data(data.finish()).into(),
            None => event.into(),
        };
        self.entries.push(Entry { event, is_direct, is_strict });
    }

    /// The error for a refused batch: the fault of an event, or else `problem`.
    pub(super) fn refused(self, problem: String) -> EventError {
        if let Some(error) = self.entries.iter().find_map(|entry| entry.event.unwritable()) {
            return error;
        }
        let event_type = self.entries.first().map(|entry| entry.event.event_type().to_owned()).unwrap_or_default();
        EventError::InvalidEvent { event_type, problem }
    }

    /// Writes the events in `transaction`, in one round trip. Then sends those with `delivery = "direct"`.
    #[cfg(feature = "_database")]
    pub(super) async fn write_in(self, transaction: &mut dyn OutboxTransaction) -> Result<(), EventError> {
        let (direct, written): (Vec<_>, Vec<_>) = self.entries.into_iter().partition(|entry| entry.is_direct);
        if !written.is_empty() {
            publisher::record_in(transaction, written.into_iter().map(|entry| entry.event).collect()).await?;
        }
        send_each(direct).await
    }

    /// Sends all the events.
    pub(super) async fn send(self) -> Result<(), EventError> {
        send_each(self.entries).await
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
