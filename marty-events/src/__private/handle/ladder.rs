//! The ladder: it tells a transaction handle by the type of an argument.
//!
//! Each rung is a trait, with one reference fewer than the rung above. `(&&&&&&Probe).tag()` finds the first rung whose
//! bound holds. The answer is a type without size, so nothing of it is left at run time.

use std::marker::PhantomData;

#[cfg(feature = "_database")]
use sqlx::{Connection, Database, Transaction, pool::PoolConnection};

use super::tag::{ByReference, ByValue, Foreign, Other, Pooled};
#[cfg(feature = "_database")]
use crate::OutboxTransaction;

/// Stands for a value of type `T`. It owns and borrows nothing.
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

/// The same rung as [`RungOwned`]: at most one of the two bounds holds.
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
