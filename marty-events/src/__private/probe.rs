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

    /// What the method returns borrows from the handle.
    pub fn split_returned<T>(self, argument: T) -> (Rejected, T)
    where
        H: FreeAgain,
    {
        (Rejected, argument)
    }

    /// The handle, after the body.
    pub fn held(self, handle: &mut H) -> Held<'_, H> {
        Held(handle)
    }

    pub fn not_a_handle(self) -> Rejected
    where
        H: ReferenceInSight,
    {
        Rejected
    }

    pub fn not_a_receiver(self) -> Rejected
    where
        H: NamedByTheAttribute,
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

/// Whatever such an argument is asked for is the same error.
macro_rules! refused {
    ($($tag:ident<$of:ident>: $bound:ident;)*) => {
        $(impl<$of> $tag<$of> {
            pub fn split<T>(self, argument: T) -> (Rejected, T)
            where
                $of: $bound,
            {
                (Rejected, argument)
            }

            pub fn split_returned<T>(self, argument: T) -> (Rejected, T)
            where
                $of: $bound,
            {
                (Rejected, argument)
            }

            pub fn held<T: ?Sized>(self, _: &mut T) -> Rejected
            where
                $of: $bound,
            {
                Rejected
            }

            pub fn not_a_handle(self) -> Rejected
            where
                $of: $bound,
            {
                Rejected
            }

            pub fn not_a_receiver(self) -> Rejected
            where
                $of: $bound,
            {
                Rejected
            }
        })*
    };
}

refused! {
    ByValue<H>: TakenByReference;
    Pooled<C>: InTransaction;
    Foreign<X>: HasOutbox;
}

/// What a generic type turns out to be at run time, if that is a handle: its name.
///
/// The parameter of an `impl` block has no bound where the attribute is expanded, so nothing but its name tells.
pub fn hidden_handle<T: ?Sized>() -> Option<&'static str> {
    let mut name = std::any::type_name::<T>();
    while let Some(inner) = name.strip_prefix("&mut ") {
        name = inner;
    }
    let is_handle = name.starts_with("sqlx_core::transaction::Transaction<")
        || name.starts_with("sqlx_core::pool::connection::PoolConnection<")
        || ["sqlx_postgres::", "sqlx_sqlite::", "sqlx_mysql::"].iter().any(|database| {
            name.starts_with(database)
                && ["::PgConnection", "::SqliteConnection", "::MySqlConnection"].iter().any(|end| name.ends_with(end))
        });
    is_handle.then_some(name)
}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "what this method returns borrows from its transaction, which the event needs after the body",
    label = "still borrowed when the event is to be written",
    note = "return an owned value; or state `delivery = \"direct\"`"
)]
pub trait FreeAgain {}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "the receiver of this method is itself a transaction",
    label = "`{Self}` would be passed over and the event sent before the commit",
    note = "name it, so that the body only borrows it: `transaction = self`; or state `delivery = \"direct\"`"
)]
pub trait NamedByTheAttribute {}

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

#[cfg(test)]
mod tests {
    use super::hidden_handle;

    #[test]
    #[cfg(feature = "postgres")]
    fn a_handle_is_known_by_its_types_name() {
        use sqlx::{PgConnection, PgPool, Postgres, Transaction, pool::PoolConnection};

        assert!(hidden_handle::<Transaction<'_, Postgres>>().is_some());
        assert!(hidden_handle::<&mut Transaction<'_, Postgres>>().is_some());
        assert!(hidden_handle::<&mut PgConnection>().is_some());
        assert!(hidden_handle::<PoolConnection<Postgres>>().is_some());
        assert!(hidden_handle::<PgPool>().is_none());
        assert!(hidden_handle::<&PgPool>().is_none());
        assert!(hidden_handle::<String>().is_none());
    }

    #[test]
    #[cfg(feature = "sqlite")]
    fn a_handle_of_sqlite_is_known_too() {
        assert!(hidden_handle::<&mut sqlx::SqliteConnection>().is_some());
    }
}
