//! The things that every table of the library shares: pools, transaction handles, names of tables, and the meaning of a database's errors.

mod fault;
mod handle;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod link;
pub(crate) mod migrations;
mod pool;
mod quotes;
mod table;
mod time;
#[cfg(feature = "postgres")]
mod unfit;

pub(crate) use fault::Fault;
pub use handle::{OutboxConnection, OutboxTransaction};
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use link::Link;
pub use pool::OutboxPool;
#[cfg(feature = "postgres")]
pub(crate) use pool::plain;
pub(crate) use quotes::Quotes;
#[cfg(feature = "consumer")]
pub(crate) use table::table_from;
pub use table::{InvalidTable, OutboxTable};
pub(crate) use time::{LONGEST_TIME, milliseconds};
#[cfg(feature = "postgres")]
pub(crate) use unfit::UNFIT;
