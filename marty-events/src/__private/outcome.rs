//! Whether a method succeeded, told by the type of what it returned: `Ok` of any `Result`, also behind an alias; anything
//! else is a success.

use std::convert::Infallible;

/// What a method returned.
#[derive(Debug)]
pub struct Returned<'a, T>(&'a T);

impl<'a, T> Returned<'a, T> {
    pub fn new(returned: &'a T) -> Self {
        Self(returned)
    }
}

/// For a `Result`; one reference more, so that it is found first.
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

/// For anything else.
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
