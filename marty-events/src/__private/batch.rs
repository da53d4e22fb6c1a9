//! The events of one call, and what became of them.

use super::Data;
use crate::{
    Event, EventError, OutboxTransaction,
    event::{AuditEvent, CustomEvent, DomainEvent, Json, NotificationEvent},
    publisher,
};

/// The events of one call of an annotated method.
#[derive(Debug, Default)]
pub struct Batch {
    /// For the road that the arguments' types select.
    routed: Vec<Event>,
    /// For the direct road, whatever the arguments are.
    direct: Vec<Event>,
    failed: Option<EventError>,
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

    pub fn push<B: Builder>(&mut self, event: B, data: Option<Data>) {
        if let Some(event) = self.complete(event, data) {
            self.routed.push(event);
        }
    }

    pub fn push_direct<B: Builder>(&mut self, event: B, data: Option<Data>) {
        if let Some(event) = self.complete(event, data) {
            self.direct.push(event);
        }
    }

    pub fn previous_state(&mut self, event: AuditEvent, state: Data) -> AuditEvent {
        match state.finish() {
            Ok(state) => event.with_previous_state(state),
            Err(error) => self.fail(event, error),
        }
    }

    pub fn new_state(&mut self, event: AuditEvent, state: Data) -> AuditEvent {
        match state.finish() {
            Ok(state) => event.with_new_state(state),
            Err(error) => self.fail(event, error),
        }
    }

    fn fail(&mut self, event: AuditEvent, error: EventError) -> AuditEvent {
        self.failed.get_or_insert(error);
        event
    }

    /// Why nothing of this is published.
    pub(super) fn refused(self, problem: String) -> EventError {
        let event_type = self.routed.first().map(|event| event.event_type().to_owned()).unwrap_or_default();
        self.failed.unwrap_or(EventError::InvalidEvent { event_type, problem })
    }

    fn complete<B: Builder>(&mut self, event: B, data: Option<Data>) -> Option<Event> {
        let Some(data) = data else { return Some(event.into()) };
        match data.finish() {
            Ok(data) => Some(event.with_data(data).into()),
            Err(error) => {
                self.failed.get_or_insert(error);
                None
            }
        }
    }

    /// Writes the routed events in `transaction`, in one round trip, then sends the direct ones.
    pub(super) async fn record_in(self, transaction: &mut dyn OutboxTransaction) -> Result<(), EventError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if !self.routed.is_empty() {
            publisher::record_in(transaction, self.routed).await?;
        }
        if !self.direct.is_empty() {
            publisher::record_direct(self.direct).await?;
        }
        Ok(())
    }

    /// Sends all the events.
    pub(super) async fn record_direct(mut self) -> Result<(), EventError> {
        self.routed.append(&mut self.direct);
        // What could be built goes out, whatever became of the rest.
        let sent = if self.routed.is_empty() { Ok(()) } else { publisher::record_direct(self.routed).await };
        self.failed.map_or(sent, Err)
    }
}

/// How handing the events over went.
#[derive(Debug)]
#[must_use]
pub struct Recorded<Road> {
    result: Result<(), EventError>,
    road: std::marker::PhantomData<Road>,
}

/// The road of a transaction: its caller must hear of a failure, or it would commit without the event.
#[derive(Debug)]
pub struct InTransaction;

/// The direct road.
#[derive(Debug)]
pub struct Directly;

impl<Road> Recorded<Road> {
    pub(super) fn new(result: Result<(), EventError>) -> Self {
        Self { result, road: std::marker::PhantomData }
    }
}

impl Recorded<InTransaction> {
    /// The method's result, or the failure in its place.
    pub fn settle<O: CanFail>(self, out: O) -> O {
        match self.result {
            Ok(()) => out,
            Err(error) => O::from_event_error(error),
        }
    }

    pub fn settle_strictly<O: CanFail>(self, out: O) -> O {
        self.settle(out)
    }
}

impl Recorded<Directly> {
    /// The method's result; a failure is logged.
    pub fn settle<O>(self, out: O) -> O {
        if let Err(error) = self.result {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(%error, cause, "an event was not published");
        }
        out
    }

    /// The method's result, or the failure in its place.
    pub fn settle_strictly<O: CanFail>(self, out: O) -> O {
        match self.result {
            Ok(()) => out,
            Err(error) => O::from_event_error(error),
        }
    }
}

/// A return type through which a method can say that its event was not published.
#[diagnostic::on_unimplemented(
    message = "a method whose event can fail must return a `Result`",
    label = "is no `Result`, so the caller could not hear that the event was not written",
    note = "return `Result<{Self}, E>` where `E: From<marty_events::EventError>`"
)]
pub trait CanFail {
    fn from_event_error(error: EventError) -> Self;
}

impl<T, E: FromEventError> CanFail for Result<T, E> {
    fn from_event_error(error: EventError) -> Self {
        Err(E::from_event_error(error))
    }
}

/// An error type that an [`EventError`] can become.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that the event was not written",
    label = "the error type has no `From<marty_events::EventError>`",
    note = "add a variant to `{Self}`: `#[error(transparent)] Event(#[from] marty_events::EventError)`"
)]
pub trait FromEventError {
    #[doc(hidden)]
    fn from_event_error(error: EventError) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<EventError>> FromEventError for E {
    fn from_event_error(error: EventError) -> Self {
        Self::from(error)
    }
}
