//! Arguments that are refused. The methods are written out, without a macro, because the compiler shows them in its
//! error.
//!
//! No bound is on the handle itself: the compiler would propose it for a generic handle.

use super::{
    kept::Rejected,
    tag::{ByValue, Foreign, Pooled},
};

impl<H> ByValue<H> {
    pub fn split<T>(self, argument: T) -> (Rejected, T)
    where
        Self: TakenByReference<H>,
    {
        (Rejected, argument)
    }

    pub fn split_returned<T>(self, argument: T) -> (Rejected, T)
    where
        Self: TakenByReference<H>,
    {
        (Rejected, argument)
    }

    pub fn held<T: ?Sized>(self, _: &mut T) -> Rejected
    where
        Self: TakenByReference<H>,
    {
        Rejected
    }

    pub fn not_a_handle<S>(self, _: S) -> Rejected
    where
        Self: TakenByReference<H>,
    {
        Rejected
    }

    pub fn not_a_receiver<S>(self, _: S) -> Rejected
    where
        Self: TakenByReference<H>,
    {
        Rejected
    }
}

impl<C> Pooled<C> {
    pub fn split<T>(self, argument: T) -> (Rejected, T)
    where
        C: InTransaction,
    {
        (Rejected, argument)
    }

    pub fn split_returned<T>(self, argument: T) -> (Rejected, T)
    where
        C: InTransaction,
    {
        (Rejected, argument)
    }

    pub fn held<T: ?Sized>(self, _: &mut T) -> Rejected
    where
        C: InTransaction,
    {
        Rejected
    }

    pub fn not_a_handle<S>(self, _: S) -> Rejected
    where
        C: InTransaction,
    {
        Rejected
    }

    pub fn not_a_receiver<S>(self, _: S) -> Rejected
    where
        C: InTransaction,
    {
        Rejected
    }
}

impl<X> Foreign<X> {
    pub fn split<T>(self, argument: T) -> (Rejected, T)
    where
        Self: HasOutbox<X>,
    {
        (Rejected, argument)
    }

    pub fn split_returned<T>(self, argument: T) -> (Rejected, T)
    where
        Self: HasOutbox<X>,
    {
        (Rejected, argument)
    }

    pub fn held<T: ?Sized>(self, _: &mut T) -> Rejected
    where
        Self: HasOutbox<X>,
    {
        Rejected
    }

    pub fn not_a_handle<S>(self, _: S) -> Rejected
    where
        Self: HasOutbox<X>,
    {
        Rejected
    }

    pub fn not_a_receiver<S>(self, _: S) -> Rejected
    where
        Self: HasOutbox<X>,
    {
        Rejected
    }
}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "the value that this method returns borrows from its transaction, which the event needs after the body",
    label = "still borrowed when the event is to be written",
    note = "return an owned value; or state `delivery = \"direct\"`"
)]
pub trait FreeAgain<H: ?Sized> {}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "the receiver of this method is itself a transaction",
    label = "`{H}` would be passed over and the event sent before the commit",
    note = "name it, so that the body only borrows it: `transaction = self`; or state `delivery = \"direct\"`"
)]
pub trait NamedByTheAttribute<H: ?Sized> {}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "the alias of this type hides the `&mut` of a transaction",
    label = "write it as `&mut {H}`",
    note = "the event is written in the transaction after the body, so it must be seen that the body only borrows it"
)]
pub trait ReferenceInSight<H: ?Sized> {}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "the transaction is taken by value, so nothing is left to write the event in",
    label = "`{H}` is moved into the method's body",
    note = "take `&mut {H}` and let the caller commit"
)]
pub trait TakenByReference<H> {}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "a pool's connection is not a transaction: the event would be written apart from the method's work",
    label = "`{Self}` commits every statement by itself",
    note = "begin a transaction and take `&mut sqlx::Transaction<'_, ..>`; or state `delivery = \"direct\"`"
)]
pub trait InTransaction {}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "marty-events has no outbox for the database of this handle in this build",
    label = "`{X}` would be passed over and the event sent before the commit",
    note = "for PostgreSQL, MySQL, MariaDB and SQLite, enable the Cargo feature of marty-events: `postgres`, `mysql` or `sqlite`",
    note = "in place of `sqlx::Any` or a generic database, take the transaction of the database itself, or add the bound `marty_events::OutboxTransaction` to the handle",
    note = "for any other database, state `delivery = \"direct\"`"
)]
pub trait HasOutbox<X> {}
