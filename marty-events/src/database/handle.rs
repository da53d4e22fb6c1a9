//! Handles of transactions that an event can join.

use sqlx::{Database, Transaction};

/// A value through which an event can be written in the caller's own transaction.
///
/// Implemented for `sqlx::Transaction` and for the connections of every database whose feature is on. Implement it for
/// your own wrapper or unit of work, and annotated methods that take `&mut` of it write their events through it:
///
/// ```
/// use marty_events::{OutboxConnection, OutboxTransaction};
///
/// struct UnitOfWork<'c> {
///     tx: sqlx::Transaction<'c, sqlx::Postgres>,
/// }
///
/// impl OutboxTransaction for UnitOfWork<'_> {
///     fn connection(&mut self) -> OutboxConnection<'_> {
///         self.tx.connection()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a transaction that an event can be written in",
    label = "expected a transaction, for example `&mut sqlx::Transaction<'_, sqlx::Postgres>`",
    note = "implement `marty_events::OutboxTransaction` for a wrapper of your own"
)]
pub trait OutboxTransaction: Send {
    /// The connection that the transaction is open on.
    fn connection(&mut self) -> OutboxConnection<'_>;
}

/// A connection inside a transaction, by database.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutboxConnection<'a> {
    /// A PostgreSQL connection.
    #[cfg(feature = "postgres")]
    Postgres(&'a mut sqlx::PgConnection),
    /// A MySQL or MariaDB connection.
    #[cfg(feature = "mysql")]
    MySql(&'a mut sqlx::MySqlConnection),
    /// A SQLite connection.
    #[cfg(feature = "sqlite")]
    Sqlite(&'a mut sqlx::SqliteConnection),
}

macro_rules! connections {
    ($($feature:literal: $connection:ty => $variant:ident;)*) => {
        $(#[cfg(feature = $feature)]
        impl OutboxTransaction for $connection {
            fn connection(&mut self) -> OutboxConnection<'_> {
                OutboxConnection::$variant(self)
            }
        })*
    };
}

connections! {
    "postgres": sqlx::PgConnection => Postgres;
    "mysql": sqlx::MySqlConnection => MySql;
    "sqlite": sqlx::SqliteConnection => Sqlite;
}

impl<DB> OutboxTransaction for Transaction<'_, DB>
where
    DB: Database,
    DB::Connection: OutboxTransaction,
{
    fn connection(&mut self) -> OutboxConnection<'_> {
        (**self).connection()
    }
}

impl<H: OutboxTransaction + ?Sized> OutboxTransaction for &mut H {
    fn connection(&mut self) -> OutboxConnection<'_> {
        (**self).connection()
    }
}

impl<H: OutboxTransaction + ?Sized> OutboxTransaction for Box<H> {
    fn connection(&mut self) -> OutboxConnection<'_> {
        (**self).connection()
    }
}
