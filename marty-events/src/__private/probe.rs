//! Tells by an argument's type whether it is a transaction handle.
//!
//! A ladder of traits, one rung each with one reference fewer: `(&&&&&&Probe).tag()` finds the first rung whose bound
//! holds. The answer is a type without size; nothing of it is left at run time.

mod hidden;
mod refused;

use std::marker::PhantomData;

#[cfg(feature = "_database")]
use sqlx::{Connection, Database, Transaction, pool::PoolConnection};

pub use hidden::{hidden_associate, hidden_handle, hidden_in, hidden_in_receiver};
use refused::{FreeAgain, NamedByTheAttribute, ReferenceInSight};

use super::select::{Absent, Held, Rejected};
#[cfg(feature = "_database")]
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
/// A transaction or connection of a database that has no outbox in this build.
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

#[cfg(feature = "_database")]
impl<H: OutboxTransaction + ?Sized> RungHandle for &&&&&Probe<&mut H> {
    type Handle = H;
}

pub trait RungPoolConnection {
    type Connection;
    fn tag(&self) -> Pooled<Self::Connection> {
        Pooled(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<DB: Database> RungPoolConnection for &&&&Probe<&mut PoolConnection<DB>> {
    type Connection = PoolConnection<DB>;
}

pub trait RungForeign {
    type Transaction;
    fn tag(&self) -> Foreign<Self::Transaction> {
        Foreign(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<'c, DB: Database> RungForeign for &&&Probe<&mut Transaction<'c, DB>> {
    type Transaction = Transaction<'c, DB>;
}

pub trait RungForeignConnection {
    type Connection;
    fn tag(&self) -> Foreign<Self::Connection> {
        Foreign(PhantomData)
    }
}

/// On the rung of [`RungOwned`]: of the two, one at the most holds.
#[cfg(feature = "_database")]
impl<C: Connection> RungForeignConnection for &&Probe<&mut C> {
    type Connection = C;
}

pub trait RungOwned {
    type Handle;
    fn tag(&self) -> ByValue<Self::Handle> {
        ByValue(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<H: OutboxTransaction> RungOwned for &&Probe<H> {
    type Handle = H;
}

pub trait RungForeignOwned {
    type Transaction;
    fn tag(&self) -> Foreign<Self::Transaction> {
        Foreign(PhantomData)
    }
}

#[cfg(feature = "_database")]
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

    /// What the method returns borrows from the handle.
    pub fn split_returned<T>(self, argument: T) -> (Rejected, T)
    where
        Self: FreeAgain<H>,
    {
        (Rejected, argument)
    }

    /// The handle, after the body.
    pub fn held(self, handle: &mut H) -> Held<'_, H> {
        Held(handle)
    }

    pub fn not_a_handle(self) -> Rejected
    where
        Self: ReferenceInSight<H>,
    {
        Rejected
    }

    pub fn not_a_receiver(self) -> Rejected
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

    #[must_use]
    pub fn not_a_handle(self) -> Absent {
        Absent
    }

    #[must_use]
    pub fn not_a_receiver(self) -> Absent {
        Absent
    }
}
