//! The duties of a relay beside delivery.

mod gauges;
mod retention;
mod sweep;

pub(super) use gauges::watch;
pub(super) use retention::Retention;
pub(super) use sweep::{Step, Sweep};
