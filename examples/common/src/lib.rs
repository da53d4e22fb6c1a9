//! Parts that the examples share and none of them is about: a database file, a Kafka consumer, a terminal, and the check that a README shows
//! the output of its program.

mod consumer;
mod database;
mod readme;
mod terminal;

pub use consumer::{Consumer, Received};
pub use database::Database;
pub use readme::{assert_prints, assert_prints_among_others};
pub use terminal::at_a_terminal;
