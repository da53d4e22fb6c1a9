//! The end of the hand-over of one call's events, and the method's result after it.

use std::{
    fmt,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use super::outcome::Waiting;
use crate::EventError;

/// A hand-over that runs, in a box: the methods' futures stay small. It answers the reason why the method fails. Functions that are not
/// generic make it, so that it is compiled once, and not in each crate that has a method with an event.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Option<EventError>> + Send + 'a>>;

/// The running hand-over of a call's events. It answers the method's result.
///
/// The running part is `Send` and `Sync` by its type, so the compiler proves that once and not in each method that awaits it.
pub struct HandingOver<'a, V, O> {
    running: Mutex<Running<'a>>,
    waiting: Option<Waiting<V, O>>,
}

impl<V, O> fmt::Debug for HandingOver<'_, V, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandingOver")
    }
}

impl<'a, V, O> HandingOver<'a, V, O> {
    pub(super) fn new(running: Running<'a>, waiting: Waiting<V, O>) -> Self {
        Self { running: Mutex::new(running), waiting: Some(waiting) }
    }
}

/// No field is pinned but what the box holds.
impl<V, O> Unpin for HandingOver<'_, V, O> {}

impl<V, O> Future for HandingOver<'_, V, O> {
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O> {
        let Poll::Ready(error) = poll(&mut self.running, context) else { return Poll::Pending };
        let waiting = self.waiting.take().expect("a future that has answered is not polled again");
        Poll::Ready(waiting.out_unless(error))
    }
}

/// Nobody locks the mutex: it is there for its `Sync`.
fn poll(running: &mut Mutex<Running<'_>>, context: &mut Context<'_>) -> Poll<Option<EventError>> {
    running.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(context)
}

/// A return type through which a method can say that its event was not published.
#[diagnostic::on_unimplemented(
    message = "a method whose event can fail must return a `Result`",
    label = "is not a `Result`, so the caller could not hear that the event was not written",
    note = "return `Result<{Self}, E>` where `E: From<marty_events::EventError>`"
)]
pub trait CanFail {}

impl<T, E: FromEventError> CanFail for Result<T, E> {}

/// An error type that an [`EventError`] can become.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that the event was not written",
    label = "the error type has no `From<marty_events::EventError>`",
    note = "add a variant to `{Self}`: `#[error(transparent)] Event(#[from] marty_events::EventError)`",
    note = "`String`, a tuple and a type of another crate take no variant: return an error enum of your own that has it"
)]
pub trait FromEventError {}

#[diagnostic::do_not_recommend]
impl<E: From<EventError>> FromEventError for E {}
