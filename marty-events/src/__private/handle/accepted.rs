//! Arguments that are accepted: a handle behind `&mut`, and everything that is not a handle.

use super::{
    kept::{Absent, Held, Rejected},
    refused::{FreeAgain, NamedByTheAttribute, ReferenceInSight},
    tag::{ByReference, Other},
};

impl<H: ?Sized> ByReference<H> {
    /// Keeps the handle, which is lent to the body and used after it.
    pub fn split(self, handle: &mut H) -> (Held<'_, H>, ()) {
        (Held(handle), ())
    }

    /// The returned value borrows from the handle.
    pub fn split_returned<T>(self, argument: T) -> (Rejected, T)
    where
        Self: FreeAgain<H>,
    {
        (Rejected, argument)
    }

    /// Takes the handle after the body.
    pub fn held(self, handle: &mut H) -> Held<'_, H> {
        Held(handle)
    }

    pub fn not_a_handle<S>(self, _: S) -> Rejected
    where
        Self: ReferenceInSight<H>,
    {
        Rejected
    }

    pub fn not_a_receiver<S>(self, _: S) -> Rejected
    where
        Self: NamedByTheAttribute<H>,
    {
        Rejected
    }
}

impl Other {
    pub fn split<T>(self, argument: T) -> (Absent, T) {
        (Absent, argument)
    }

    pub fn split_returned<T>(self, argument: T) -> (Absent, T) {
        (Absent, argument)
    }

    pub fn held<T: ?Sized>(self, _: &mut T) -> Absent {
        Absent
    }

    /// Leaves the choice as it is.
    pub fn not_a_handle<S>(self, chosen: S) -> S {
        chosen
    }

    /// Leaves the choice as it is.
    pub fn not_a_receiver<S>(self, chosen: S) -> S {
        chosen
    }
}
