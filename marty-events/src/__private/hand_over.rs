//! What became of the events of one call, and how its caller hears of it.

use std::{
    error::Error,
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use super::outcome::Answer;
use crate::EventError;

/// How handing the events over went.
#[derive(Debug)]
#[must_use]
pub struct HandOver<Delivery> {
    result: Result<(), EventError>,
    /// Why nothing was handed over: the caller hears of it if there is any way.
    refusal: Option<EventError>,
    delivery: PhantomData<Delivery>,
}

/// The road of a transaction: its caller must hear of a failure, or it would commit without the event.
#[derive(Debug)]
pub struct Outbox;

/// The direct road.
#[derive(Debug)]
pub struct Direct;

impl<Delivery> HandOver<Delivery> {
    pub(super) fn new(result: Result<(), EventError>) -> Self {
        Self { result, refusal: None, delivery: PhantomData }
    }

    pub(super) fn refused(error: EventError) -> Self {
        Self { result: Ok(()), refusal: Some(error), delivery: PhantomData }
    }

    pub fn refusal(&mut self) -> Option<EventError> {
        self.refusal.take()
    }
}

impl HandOver<Outbox> {
    /// The method's result, or the failure in its place.
    pub fn into_result<O: CanFail>(self, out: O) -> O {
        match self.result {
            Ok(()) => out,
            Err(error) => O::from_event_error(error),
        }
    }

    pub fn into_strict_result<O: CanFail>(self, out: O) -> O {
        self.into_result(out)
    }
}

impl HandOver<Direct> {
    /// The method's result; no attribute wants to hear of a failure.
    pub fn into_result<O>(self, out: O) -> O {
        if let Err(error) = self.result {
            log(&error);
        }
        out
    }

    /// The method's result, or the failure in its place.
    pub fn into_strict_result<O: CanFail>(self, out: O) -> O {
        match self.result {
            Ok(()) => out,
            Err(error) => O::from_event_error(error),
        }
    }
}

/// The handing over of a call's events. Its type says that it is `Send` and `Sync`: the compiler proves that once, here, and not
/// in each method that awaits it. It is larger than most methods, so it is boxed besides.
pub struct HandingOver<'a, Delivery>(Mutex<Pin<Box<dyn Future<Output = HandOver<Delivery>> + Send + 'a>>>);

impl<Delivery> fmt::Debug for HandingOver<'_, Delivery> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandingOver")
    }
}

impl<'a, Delivery> HandingOver<'a, Delivery> {
    pub(super) fn new(handing_over: impl Future<Output = HandOver<Delivery>> + Send + 'a) -> Self {
        Self(Mutex::new(Box::pin(handing_over)))
    }
}

impl<Delivery> Future for HandingOver<'_, Delivery> {
    type Output = HandOver<Delivery>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<HandOver<Delivery>> {
        // Locked by nobody: the mutex is there for its `Sync` alone.
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(context)
    }
}

/// For a `Result` that can say so; one reference more, so that it is found first.
pub trait Tells<O> {
    fn refuse(&self, error: EventError) -> O;
}

impl<T, E: From<EventError>> Tells<Result<T, E>> for &Answer<Result<T, E>> {
    fn refuse(&self, error: EventError) -> Result<T, E> {
        Err(E::from(error))
    }
}

/// For anything else.
pub trait IsSilent<O> {
    fn refuse(&self, error: EventError) -> O;
}

impl<O> IsSilent<O> for Answer<O> {
    fn refuse(&self, error: EventError) -> O {
        log(&error);
        self.take()
    }
}

pub(super) fn log(error: &EventError) {
    let cause = Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, cause, "an event was not published");
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
    note = "add a variant to `{Self}`: `#[error(transparent)] Event(#[from] marty_events::EventError)`",
    note = "`String`, a tuple and a type of another crate take no variant: return an error enum of your own that has it"
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
