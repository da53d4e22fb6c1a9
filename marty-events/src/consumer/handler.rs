use std::{future::Future, pin::Pin, time::Duration};

use sqlx::{Database, Transaction};

use super::{EventSelection, HandlerFailure, Incoming, selection::is_same};
use crate::outbox::OutboxTransaction;

/// The future of a call of a handler.
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<(), HandlerFailure>> + Send + 'a>>;

/// The handlers of a type. [`#[event_handlers]`](crate::event_handlers) implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no event handlers for this database",
    label = "does not handle events in a transaction of `{DB}`",
    note = "put `#[marty_events::event_handlers]` on an `impl` block of `{Self}` whose handlers take `&mut Transaction<'_, {DB}>`"
)]
pub trait EventHandlers<DB: Database>: Send + Sync + 'static {
    #[doc(hidden)]
    const HANDLERS: &'static [HandlerDescription];

    /// Calls the handler at `index` of [`HANDLERS`](Self::HANDLERS) for one record. A handler of batches has all of a batch.
    #[doc(hidden)]
    fn call<'a>(&'a self, index: usize, unit: &'a mut Unit<DB>, records: Vec<Incoming>) -> HandlerFuture<'a>;
}

/// A handler as the attribute describes it.
#[derive(Debug, Clone, Copy)]
pub struct HandlerDescription {
    /// The method's name.
    pub name: &'static str,
    /// The events that it is called with.
    pub events: EventSelection,
    /// The number of failures after which the event is a dead letter; the consumer's own where it is not set.
    pub attempts: Option<u32>,
    /// The longest time of a call; the consumer's own where it is not set.
    pub timeout: Option<Duration>,
    /// False for `inbox = none`: the handler has no transaction, and may run more than once for an event.
    pub has_inbox: bool,
    /// True for a handler of `Vec<Received<T>>`.
    pub is_batch: bool,
    /// False for `envelope = none`: the record's value is the payload, and its type is not asked for.
    pub has_envelope: bool,
}

/// True if the handler of this name and one before it are for the same event.
#[doc(hidden)]
#[must_use]
pub const fn is_doubled(handlers: &[HandlerDescription], name: &str) -> bool {
    let mut index = 0;
    while !is_same(handlers[index].name, name) {
        index += 1;
    }
    let mut before = 0;
    while before < index {
        if handlers[before].events.overlaps(&handlers[index].events) {
            return true;
        }
        before += 1;
    }
    false
}

/// The unit of work of a call: the transaction in which the inbox has the event's row. A handler with `inbox = none` has none.
#[derive(Debug)]
pub struct Unit<DB: Database> {
    transaction: Option<Transaction<'static, DB>>,
}

impl<DB: Database> Unit<DB> {
    pub(crate) fn new(transaction: Transaction<'static, DB>) -> Self {
        Self { transaction: Some(transaction) }
    }

    /// For a handler with `inbox = none`.
    pub(crate) fn without_transaction() -> Self {
        Self { transaction: None }
    }

    pub(crate) fn into_transaction(self) -> Option<Transaction<'static, DB>> {
        self.transaction
    }

    /// The handle that a handler's argument asks for by its type.
    #[doc(hidden)]
    pub fn handle<H: HandlerHandle<DB> + ?Sized>(&mut self) -> Result<&mut H, HandlerFailure> {
        match &mut self.transaction {
            Some(transaction) => Ok(H::of(transaction)),
            None => Err(HandlerFailure::NoTransaction),
        }
    }
}

/// A type that can be a handler's transaction: `Transaction<'_, DB>` and the connections.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a transaction of the database that this block's first handler names",
    label = "expected `&mut sqlx::Transaction<'_, {DB}>`, or `&mut` of its connection"
)]
pub trait HandlerHandle<DB: Database>: OutboxTransaction {
    #[doc(hidden)]
    fn of<'a>(transaction: &'a mut Transaction<'static, DB>) -> &'a mut Self;
}

impl<DB: Database> HandlerHandle<DB> for Transaction<'static, DB>
where
    DB::Connection: OutboxTransaction,
{
    fn of<'a>(transaction: &'a mut Transaction<'static, DB>) -> &'a mut Self {
        transaction
    }
}

#[cfg(feature = "postgres")]
impl HandlerHandle<sqlx::Postgres> for sqlx::PgConnection {
    fn of<'a>(transaction: &'a mut Transaction<'static, sqlx::Postgres>) -> &'a mut Self {
        &mut *transaction
    }
}

#[cfg(feature = "mysql")]
impl HandlerHandle<sqlx::MySql> for sqlx::MySqlConnection {
    fn of<'a>(transaction: &'a mut Transaction<'static, sqlx::MySql>) -> &'a mut Self {
        &mut *transaction
    }
}

#[cfg(feature = "sqlite")]
impl HandlerHandle<sqlx::Sqlite> for sqlx::SqliteConnection {
    fn of<'a>(transaction: &'a mut Transaction<'static, sqlx::Sqlite>) -> &'a mut Self {
        &mut *transaction
    }
}
