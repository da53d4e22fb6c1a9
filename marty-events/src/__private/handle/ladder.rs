//! The ladder: it tells a transaction handle by the type of an argument.
//!
//! `Probe.tag()` finds the first rung whose bound holds, since each rung derefs to the next. The answer is a type without size, so nothing of
//! it is left at run time. The rungs are methods of their types and not of a trait: for a trait, the compiler would ask every impl at every
//! rung.

use std::{marker::PhantomData, ops::Deref};

#[cfg(feature = "_database")]
use sqlx::{Connection, Database, Transaction, pool::PoolConnection};

use super::tag::Other;
#[cfg(feature = "_database")]
use super::tag::{ByReference, ByValue, Foreign, Pooled};
#[cfg(feature = "_database")]
use crate::OutboxTransaction;

/// Stands for a value of type `T`. It owns and borrows nothing. It is the first rung: `&mut` of a handle.
#[derive(Debug)]
pub struct Probe<T>(NoOutbox<T>);

/// The rung for `&mut` of a transaction or a pool's connection without an outbox.
#[derive(Debug)]
pub struct NoOutbox<T>(Connected<T>);

/// The rung for `&mut` of any other connection.
#[derive(Debug)]
pub struct Connected<T>(Taken<T>);

/// The rung for a handle by value.
#[derive(Debug)]
pub struct Taken<T>(TakenWithoutOutbox<T>);

/// The rung for a transaction without an outbox, by value.
#[derive(Debug)]
pub struct TakenWithoutOutbox<T>(Unrelated<T>);

/// The last rung: any type.
#[derive(Debug)]
pub struct Unrelated<T>(PhantomData<fn() -> T>);

macro_rules! descend {
    ($($rung:ident -> $next:ident;)*) => {
        $(impl<T> Deref for $rung<T> {
            type Target = $next<T>;
            fn deref(&self) -> &$next<T> {
                &self.0
            }
        })*
    };
}

descend! {
    Probe -> NoOutbox;
    NoOutbox -> Connected;
    Connected -> Taken;
    Taken -> TakenWithoutOutbox;
    TakenWithoutOutbox -> Unrelated;
}

impl<T> Probe<T> {
    #[must_use]
    #[expect(clippy::new_without_default, reason = "made by generated code only")]
    pub fn new() -> Self {
        Self(NoOutbox(Connected(Taken(TakenWithoutOutbox(Unrelated(PhantomData))))))
    }

    #[must_use]
    pub fn of(_: &T) -> Self {
        Self::new()
    }
}

#[cfg(feature = "_database")]
impl<H: OutboxTransaction + ?Sized> Probe<&mut H> {
    pub fn tag(&self) -> ByReference<H> {
        ByReference(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<DB: Database> NoOutbox<&mut PoolConnection<DB>> {
    pub fn tag(&self) -> Pooled<PoolConnection<DB>> {
        Pooled(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<'c, DB: Database> NoOutbox<&mut Transaction<'c, DB>> {
    pub fn tag(&self) -> Foreign<Transaction<'c, DB>> {
        Foreign(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<C: Connection> Connected<&mut C> {
    pub fn tag(&self) -> Foreign<C> {
        Foreign(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<H: OutboxTransaction> Taken<H> {
    pub fn tag(&self) -> ByValue<H> {
        ByValue(PhantomData)
    }
}

#[cfg(feature = "_database")]
impl<'c, DB: Database> TakenWithoutOutbox<Transaction<'c, DB>> {
    pub fn tag(&self) -> Foreign<Transaction<'c, DB>> {
        Foreign(PhantomData)
    }
}

impl<T> Unrelated<T> {
    pub fn tag(&self) -> Other {
        Other
    }
}
