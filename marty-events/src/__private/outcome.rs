//! Success or failure, told by the type of the returned value. `Ok` of any `Result` is a success, also behind an alias.
//! Any other type is a success, unless the attribute has an expression that decides.

use std::{
    cell::Cell,
    convert::Infallible,
    fmt,
    sync::{Mutex, PoisonError},
};

/// The returned value, by reference.
#[derive(Debug)]
pub struct Returned<'a, T>(&'a T);

impl<'a, T> Returned<'a, T> {
    pub fn new(returned: &'a T) -> Self {
        Self(returned)
    }
}

/// Method lookup for a `Result`: one reference more than the other trait, so it is found first.
pub trait OfResult<'a> {
    type Value;
    type Error;
    fn success(&self) -> Option<&'a Self::Value>;
    fn failure(&self) -> Option<&'a Self::Error>;
}

impl<'a, T, E> OfResult<'a> for &Returned<'a, Result<T, E>> {
    type Value = T;
    type Error = E;
    fn success(&self) -> Option<&'a T> {
        self.0.as_ref().ok()
    }
    fn failure(&self) -> Option<&'a E> {
        self.0.as_ref().err()
    }
}

/// Method lookup for any other type.
pub trait OfPlain<'a> {
    type Value;
    fn success(&self) -> Option<&'a Self::Value>;
    fn failure(&self) -> Option<&'a Infallible> {
        None
    }
}

impl<'a, T> OfPlain<'a> for Returned<'a, T> {
    type Value = T;
    fn success(&self) -> Option<&'a T> {
        Some(self.0)
    }
}

/// The returned value, owned.
pub struct Answer<O>(Cell<Option<O>>);

impl<O> fmt::Debug for Answer<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl<O> Answer<O> {
    pub fn new(out: O) -> Self {
        Self(Cell::new(Some(out)))
    }

    pub(super) fn take(&self) -> O {
        self.0.take().expect("made with a value, and asked once")
    }
}

/// The returned value during the hand-over. It is `Sync` if the value is `Send`. It does not hold the method's error
/// type, so the method's future is `Send` even if the error is not.
pub struct Waiting<V, O> {
    value: Mutex<V>,
    whole: fn(V) -> O,
}

impl<V, O> fmt::Debug for Waiting<V, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

impl<V, O> Waiting<V, O> {
    fn new(value: V, whole: fn(V) -> O) -> Self {
        Self { value: Mutex::new(value), whole }
    }

    pub fn out(self) -> O {
        (self.whole)(self.value.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Method lookup for a `Result`: an `Err` does not wait. One reference more than the other trait, so it is found first.
pub trait WaitsAsOk<O> {
    type Value;
    fn wait(&self) -> Result<Waiting<Self::Value, O>, O>;
}

impl<T, E> WaitsAsOk<Result<T, E>> for &Answer<Result<T, E>> {
    type Value = T;
    fn wait(&self) -> Result<Waiting<T, Result<T, E>>, Result<T, E>> {
        self.take().map(|value| Waiting::new(value, Ok)).map_err(Err)
    }
}

/// Method lookup for any other type.
pub trait WaitsWhole<O> {
    fn wait(&self) -> Result<Waiting<O, O>, O>;
}

impl<O> WaitsWhole<O> for Answer<O> {
    fn wait(&self) -> Result<Waiting<O, O>, O> {
        Ok(Waiting::new(self.take(), std::convert::identity))
    }
}

/// The value of `success = ..`.
#[diagnostic::on_unimplemented(
    message = "`success` must be a `bool`, and this is `{Self}`",
    label = "says neither that the call succeeded nor that it failed",
    note = "write a condition, for example `success = result.status().is_success()`"
)]
pub trait Verdict {
    fn is_success(&self) -> bool;
}

#[diagnostic::do_not_recommend]
impl Verdict for bool {
    fn is_success(&self) -> bool {
        *self
    }
}

/// True if the call succeeded.
pub fn succeeded<V: Verdict>(verdict: &V) -> bool {
    verdict.is_success()
}
