//! Kept arguments: a handle, or the reason why there is none.

#[cfg(feature = "_database")]
use crate::{OutboxConnection, OutboxTransaction};

/// The argument is not a handle.
#[derive(Debug)]
pub struct Absent;

/// The argument is a handle.
pub struct Held<'a, H: ?Sized>(pub(super) &'a mut H);

/// No argument is a handle, but the types at run time may show a hidden one.
#[derive(Debug)]
pub struct Doubted {
    pub(super) hidden: Option<&'static str>,
}

/// The signature does not show if the argument is a handle.
#[derive(Debug)]
pub struct Opaque;

/// The argument was refused already. Everything that follows from it compiles, so there is one error.
#[derive(Debug)]
pub struct Rejected;

impl<H: ?Sized> std::fmt::Debug for Held<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

/// The handle that the attribute names. Its bound is asked here and nowhere else, so a mistake is one error.
#[cfg(feature = "_database")]
pub fn named<H: OutboxTransaction + ?Sized>(handle: &mut H) -> Named<'_, H> {
    Named { handle, connect: H::connection }
}

/// A build without a database refuses every handle that an attribute names.
#[cfg(not(feature = "_database"))]
pub fn named<H: InOutbox + ?Sized>(handle: &mut H) -> Named<'_, H> {
    Named { handle }
}

/// No type implements it: its bound is an error message.
#[cfg(not(feature = "_database"))]
#[diagnostic::on_unimplemented(
    message = "this build of marty-events has no outbox that the event could be written in",
    label = "the event would be sent before the commit of this transaction",
    note = "enable the Cargo feature of marty-events for the database: `postgres`, `mysql` or `sqlite`; or state `delivery = \"direct\"`"
)]
pub trait InOutbox {}

/// The handle that the attribute names, without its bound.
pub struct Named<'a, H: ?Sized> {
    pub(super) handle: &'a mut H,
    #[cfg(feature = "_database")]
    pub(super) connect: fn(&mut H) -> OutboxConnection<'_>,
}

impl<H: ?Sized> std::fmt::Debug for Named<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Named")
    }
}

impl Absent {
    pub fn lend<T>(&mut self, lent: T) -> T {
        lent
    }
}

impl Rejected {
    pub fn lend<T>(&mut self, lent: T) -> T {
        lent
    }
}

impl<H: ?Sized> Held<'_, H> {
    pub fn lend(&mut self, (): ()) -> &mut H {
        self.0
    }
}

impl<H: ?Sized> Named<'_, H> {
    pub fn lend(&mut self, (): ()) -> &mut H {
        self.handle
    }
}
