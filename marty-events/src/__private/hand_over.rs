//! The end of the hand-over of one call's events, and the method's result after it.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use crate::{EventError, publisher::log};

/// A finished hand-over.
#[derive(Debug)]
#[must_use]
pub struct HandOver<Delivery> {
    result: Result<(), EventError>,
    /// The reason why nothing was handed over. The method returns it if its error type can hold it.
    refusal: Option<EventError>,
    delivery: PhantomData<Delivery>,
}

/// Delivery by the outbox. The caller must hear of a failure, or it would commit without the event.
#[derive(Debug)]
pub struct Outbox;

/// Direct delivery.
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
    /// The method's own result. A failure is logged, because no attribute says `on_publish_error = "fail"`.
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

/// The running hand-over of a call's events. The type is `Send` and `Sync` by its fields, so the compiler proves that
/// once and not in each method that awaits it. The box keeps the methods' futures small.
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
        // Nobody locks the mutex: it is there for its `Sync`.
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(context)
    }
}

/// A return type through which a method can say that its event was not published.
#[diagnostic::on_unimplemented(
    message = "a method whose event can fail must return a `Result`",
    label = "is not a `Result`, so the caller could not hear that the event was not written",
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
