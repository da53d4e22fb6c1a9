//! Success or failure, told by the type of the returned value. `Ok` of any `Result` is a success, also behind an alias.
//! Any other type is a success, unless the attribute has an expression that decides.

use std::{
    cell::Cell,
    convert::Infallible,
    fmt,
    ops::Deref,
    sync::{Mutex, PoisonError},
};

use crate::{EventError, publisher::log};

/// The returned value, by reference. Like [`Answer`], it has its answers by its own methods and by those that it derefs to.
#[derive(Debug)]
pub struct Returned<'a, T>(Plain<'a, T>);

/// The returned value of any type.
#[derive(Debug)]
pub struct Plain<'a, T>(&'a T);

impl<'a, T> Returned<'a, T> {
    pub fn new(returned: &'a T) -> Self {
        Self(Plain(returned))
    }
}

impl<'a, T> Deref for Returned<'a, T> {
    type Target = Plain<'a, T>;
    fn deref(&self) -> &Plain<'a, T> {
        &self.0
    }
}

impl<'a, T, E> Returned<'a, Result<T, E>> {
    pub fn success(&self) -> Option<&'a T> {
        self.0.0.as_ref().ok()
    }
    pub fn failure(&self) -> Option<&'a E> {
        self.0.0.as_ref().err()
    }
}

impl<'a, T> Plain<'a, T> {
    pub fn success(&self) -> Option<&'a T> {
        Some(self.0)
    }
    pub fn failure(&self) -> Option<&'a Infallible> {
        None
    }
}

/// The returned value, owned: a `Result` whose error can hold an [`EventError`], or else what it derefs to.
///
/// A method of the type itself is found before one of the type that it derefs to, so the first whose bounds hold answers. Traits would
/// do the same and cost the compiler more, because it asks every impl of them.
pub struct Answer<O>(Fallible<O>);

/// The returned value: any `Result`.
pub struct Fallible<O>(Whole<O>);

/// The returned value of any type.
pub struct Whole<O>(Cell<Option<O>>);

impl<O> fmt::Debug for Answer<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl<O> fmt::Debug for Fallible<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fallible")
    }
}

impl<O> fmt::Debug for Whole<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Whole")
    }
}

impl<O> Deref for Answer<O> {
    type Target = Fallible<O>;
    fn deref(&self) -> &Fallible<O> {
        &self.0
    }
}

impl<O> Deref for Fallible<O> {
    type Target = Whole<O>;
    fn deref(&self) -> &Whole<O> {
        &self.0
    }
}

impl<O> Answer<O> {
    pub fn new(out: O) -> Self {
        Self(Fallible(Whole(Cell::new(Some(out)))))
    }
}

impl<T, E: From<EventError>> Answer<Result<T, E>> {
    /// An `Err` does not wait.
    pub fn wait(&self) -> Result<Waiting<T, Result<T, E>>, Result<T, E>> {
        match self.take() {
            Ok(value) => Ok(Waiting::new(value, refused)),
            Err(error) => Err(Err(error)),
        }
    }
}

impl<T, E> Fallible<Result<T, E>> {
    /// An `Err` does not wait.
    pub fn wait(&self) -> Result<Waiting<T, Result<T, E>>, Result<T, E>> {
        match self.take() {
            Ok(value) => Ok(Waiting::new(value, |value, refusal| Ok(silent(value, refusal)))),
            Err(error) => Err(Err(error)),
        }
    }
}

impl<O> Whole<O> {
    pub fn wait(&self) -> Result<Waiting<O, O>, O> {
        Ok(Waiting::new(self.take(), silent))
    }

    fn take(&self) -> O {
        self.0.take().expect("made with a value, and asked once")
    }
}

fn refused<T, E: From<EventError>>(value: T, refusal: Option<EventError>) -> Result<T, E> {
    match refusal {
        None => Ok(value),
        Some(error) => Err(E::from(error)),
    }
}

fn silent<V>(value: V, refusal: Option<EventError>) -> V {
    if let Some(error) = refusal {
        log(&error);
    }
    value
}

/// The returned value during the hand-over. It is `Sync` if the value is `Send`. It does not hold the method's error
/// type, so the method's future is `Send` even if the error is not.
pub struct Waiting<V, O> {
    value: Mutex<V>,
    whole: fn(V, Option<EventError>) -> O,
}

impl<V, O> fmt::Debug for Waiting<V, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

impl<V, O> Waiting<V, O> {
    fn new(value: V, whole: fn(V, Option<EventError>) -> O) -> Self {
        Self { value: Mutex::new(value), whole }
    }

    pub fn value(&mut self) -> &V {
        self.value.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The method's result, or the error in its place if its type can hold one. [`CanFail`](super::CanFail) is asked where it must.
    pub(super) fn out_unless(self, refusal: Option<EventError>) -> O {
        (self.whole)(self.value.into_inner().unwrap_or_else(PoisonError::into_inner), refusal)
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

/// Stands for a value of the method's type where no value is needed.
pub fn never<T>() -> T {
    unreachable!("generated code calls it behind `if false`")
}
