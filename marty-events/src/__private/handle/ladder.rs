//! The ladder: it tells a transaction handle by the type of an argument.
//!
//! Each rung has one reference fewer than the rung above. `(&&&&&&Probe).tag()` finds the first rung whose bound holds. The
//! answer is a type without size, so nothing of it is left at run time. All rungs are one trait: with a trait each, the
//! compiler would ask every trait at every rung.

use std::marker::PhantomData;

#[cfg(feature = "_database")]
use sqlx::{Connection, Database, Transaction, pool::PoolConnection};

use super::tag::Other;
use super::tag::{ByReference, ByValue, Foreign, Pooled};
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

/// The answer of the first rung that a type stands on.
pub trait Rung {
    type Tag;
    fn tag(&self) -> Self::Tag;
}

#[cfg(feature = "_database")]
impl<H: OutboxTransaction + ?Sized> Rung for &&&&&Probe<&mut H> {
    type Tag = ByReference<H>;
    fn tag(&self) -> ByReference<H> {
        ByReference(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<DB: Database> Rung for &&&&Probe<&mut PoolConnection<DB>> {
    type Tag = Pooled<PoolConnection<DB>>;
    fn tag(&self) -> Self::Tag {
        Pooled(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<'c, DB: Database> Rung for &&&&Probe<&mut Transaction<'c, DB>> {
    type Tag = Foreign<Transaction<'c, DB>>;
    fn tag(&self) -> Self::Tag {
        Foreign(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<C: Connection> Rung for &&&Probe<&mut C> {
    type Tag = Foreign<C>;
    fn tag(&self) -> Foreign<C> {
        Foreign(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<H: OutboxTransaction> Rung for &&Probe<H> {
    type Tag = ByValue<H>;
    fn tag(&self) -> ByValue<H> {
        ByValue(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<'c, DB: Database> Rung for &Probe<Transaction<'c, DB>> {
    type Tag = Foreign<Transaction<'c, DB>>;
    fn tag(&self) -> Self::Tag {
        Foreign(PhantomData)
    }
}

impl<T> Rung for Probe<T> {
    type Tag = Other;
    fn tag(&self) -> Other {
        Other
    }
}
