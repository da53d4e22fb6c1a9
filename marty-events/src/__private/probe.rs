//! Tells by an argument's type whether it is a transaction handle.
//!
//! A ladder of traits, one rung each with one reference fewer: `(&&&&&&Probe).tag()` finds the first rung whose bound
//! holds. The answer is a type without size; nothing of it is left at run time.

use std::marker::PhantomData;

use sqlx::{Database, Transaction, pool::PoolConnection};

use super::select::{Absent, Held, Rejected};
use crate::OutboxTransaction;

/// Stands for a value of type `T`, owns and borrows nothing.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    #[must_use]
    #[expect(clippy::new_without_default, reason = "made by generated code only")]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    #[must_use]
    pub fn of(_: &T) -> Self {
        Self(PhantomData)
    }
}

/// `&mut` of a handle.
#[derive(Debug)]
pub struct ByReference<H: ?Sized>(PhantomData<fn(&H)>);
/// A handle that the body consumes.
#[derive(Debug)]
pub struct ByValue<H>(PhantomData<fn() -> H>);
/// A pool's connection, which is in no transaction.
#[derive(Debug)]
pub struct Pooled<C>(PhantomData<fn() -> C>);
/// A transaction of a database that has no outbox in this build.
#[derive(Debug)]
pub struct Foreign<T>(PhantomData<fn() -> T>);
/// No handle.
#[derive(Debug)]
pub struct Other;

pub trait RungHandle {
    type Handle: ?Sized;
    fn tag(&self) -> ByReference<Self::Handle> {
        ByReference(PhantomData)
    }
}

impl<H: OutboxTransaction + ?Sized> RungHandle for &&&&&Probe<&mut H> {
    type Handle = H;
}

pub trait RungPoolConnection {
    type Connection;
    fn tag(&self) -> Pooled<Self::Connection> {
        Pooled(PhantomData)
    }
}

impl<DB: Database> RungPoolConnection for &&&&Probe<&mut PoolConnection<DB>> {
    type Connection = PoolConnection<DB>;
}

pub trait RungForeign {
    type Transaction;
    fn tag(&self) -> Foreign<Self::Transaction> {
        Foreign(PhantomData)
    }
}

impl<'c, DB: Database> RungForeign for &&&Probe<&mut Transaction<'c, DB>> {
    type Transaction = Transaction<'c, DB>;
}

pub trait RungOwned {
    type Handle;
    fn tag(&self) -> ByValue<Self::Handle> {
        ByValue(PhantomData)
    }
}

impl<H: OutboxTransaction> RungOwned for &&Probe<H> {
    type Handle = H;
}

pub trait RungForeignOwned {
    type Transaction;
    fn tag(&self) -> Foreign<Self::Transaction> {
        Foreign(PhantomData)
    }
}

impl<'c, DB: Database> RungForeignOwned for &Probe<Transaction<'c, DB>> {
    type Transaction = Transaction<'c, DB>;
}

pub trait RungOther {
    fn tag(&self) -> Other {
        Other
    }
}

impl<T> RungOther for Probe<T> {}

impl<H: ?Sized> ByReference<H> {
    /// Keeps the handle, to be lent to the body and used afterwards.
    pub fn split(self, handle: &mut H) -> (Held<'_, H>, ()) {
        (Held(handle), ())
    }

    pub fn not_a_handle(self) -> Rejected
    where
        H: ReferenceInSight,
    {
        Rejected
    }
}

impl Other {
    pub fn split<T>(self, argument: T) -> (Absent, T) {
        (Absent, argument)
    }

    #[must_use]
    pub fn not_a_handle(self) -> Absent {
        Absent
    }
}

impl<H> ByValue<H> {
    pub fn not_a_handle(self) -> Rejected
    where
        H: TakenByReference,
    {
        Rejected
    }

    pub fn split<T>(self, argument: T) -> (Rejected, T)
    where
        H: TakenByReference,
    {
        (Rejected, argument)
    }
}

impl<C> Pooled<C> {
    pub fn split<T>(self, argument: T) -> (Rejected, T)
    where
        C: InTransaction,
    {
        (Rejected, argument)
    }

    pub fn not_a_handle(self) -> Rejected
    where
        C: InTransaction,
    {
        Rejected
    }
}

impl<X> Foreign<X> {
    pub fn split<T>(self, argument: T) -> (Rejected, T)
    where
        X: HasOutbox,
    {
        (Rejected, argument)
    }

    pub fn not_a_handle(self) -> Rejected
    where
        X: HasOutbox,
    {
        Rejected
    }
}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "the alias of this type hides the `&mut` of a transaction",
    label = "write it as `&mut {Self}`",
    note = "the event is written in the transaction after the body, so it must be seen that the body only borrows it"
)]
pub trait ReferenceInSight {}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "the transaction is taken by value, so nothing is left to write the event in",
    label = "`{Self}` is moved into the method's body",
    note = "take `&mut {Self}` and let the caller commit"
)]
pub trait TakenByReference {}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "a pool's connection is not a transaction: the event would be written apart from the method's work",
    label = "`{Self}` commits every statement by itself",
    note = "begin a transaction and take `&mut sqlx::Transaction<'_, ..>`; or state `delivery = \"direct\"`"
)]
pub trait InTransaction {}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "marty-events has no outbox for the database of this transaction in this build",
    label = "`{Self}` would be passed over and the event sent before the commit",
    note = "enable the Cargo feature of marty-events for the database (`postgres`, `sqlite`), or state `delivery = \"direct\"`"
)]
pub trait HasOutbox {}
