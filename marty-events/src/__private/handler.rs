//! Items that the handlers of `#[event_handlers]` name.
//!
//! ```text
//! const READER_0: Reader<Received<Revoked>> = typed();                                   typed, named or plain, by the keys
//! const HANDLERS: &[HandlerDescription] = &[HandlerDescription { name: "revoked", events: READER_0.events, .. }];
//! impl EventHandlers<<fn(&mut Tx<'_>) as HandleArgument>::Database> for StatusList {     the database by the type of the argument
//!     fn call(..) {
//!         match name(HANDLERS, index) {
//!             "revoked" => Box::pin(async move {
//!                 let event = (READER_0.read)(records)?;
//!                 let answer = Self::revoked(self, unit.handle()?, event).await;         the handle by inference
//!                 outcome(answer)
//!             }),
//!             _ => no_handler(),
//!         }
//!     }
//! }
//! ```

use std::error::Error;

pub use sqlx::Database;
use sqlx::Transaction;

#[cfg(feature = "catalogue")]
pub use crate::consumer::payload::described::WithoutSchema;
pub use crate::consumer::{
    EventHandlers, EventSelection, HandlerDescription, HandlerFailure, HandlerFuture, Incoming, Unit, is_doubled,
    payload::{Reader, named, plain, typed},
};
use crate::outbox::OutboxTransaction;

/// The database of a handler's transaction. The argument is asked as a pointer to a function, because its lifetimes may be left out there.
#[diagnostic::on_unimplemented(
    message = "the argument is not a transaction of a database with an inbox",
    label = "expected `&mut sqlx::Transaction<'_, Postgres>`, or `&mut` of its connection"
)]
pub trait HandleArgument {
    type Database: Database;
}

impl<DB: Database> HandleArgument for fn(&mut Transaction<'_, DB>)
where
    DB::Connection: OutboxTransaction,
{
    type Database = DB;
}

#[cfg(feature = "postgres")]
impl HandleArgument for fn(&mut sqlx::PgConnection) {
    type Database = sqlx::Postgres;
}

#[cfg(feature = "mysql")]
impl HandleArgument for fn(&mut sqlx::MySqlConnection) {
    type Database = sqlx::MySql;
}

#[cfg(feature = "sqlite")]
impl HandleArgument for fn(&mut sqlx::SqliteConnection) {
    type Database = sqlx::Sqlite;
}

/// The answer of a handler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the answer of a handler",
    label = "expected `Result<(), E>`, whose `E` becomes a `Box<dyn Error + Send + Sync>`",
    note = "an error that implements `std::error::Error`, and is `Send`, `Sync` and `'static`, does; so does `anyhow::Error`"
)]
pub trait HandlerOutcome {
    fn outcome(self) -> Result<(), HandlerFailure>;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Box<dyn Error + Send + Sync>>> HandlerOutcome for Result<(), E> {
    fn outcome(self) -> Result<(), HandlerFailure> {
        self.map_err(|error| HandlerFailure::Failed(error.into()))
    }
}

pub fn outcome(answer: impl HandlerOutcome) -> Result<(), HandlerFailure> {
    answer.outcome()
}

/// The name of the handler at `index`.
pub fn name(handlers: &'static [HandlerDescription], index: usize) -> &'static str {
    handlers.get(index).map_or("", |handler| handler.name)
}

/// The call of a handler that is not there.
pub fn no_handler<'a>() -> HandlerFuture<'a> {
    Box::pin(async { Err(HandlerFailure::NoHandler) })
}
