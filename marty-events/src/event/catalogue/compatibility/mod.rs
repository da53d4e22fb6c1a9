//! Comparison of two catalogues: each change, with a verdict for both kinds of reader.

mod change;
mod events;
mod keywords;
mod numbers;
mod schema;

pub use change::{Change, Verdict};
pub use events::{compare, unreadable};
