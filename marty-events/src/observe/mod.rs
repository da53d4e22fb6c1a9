//! Metrics by the `metrics` facade, and spans by `tracing`.
//!
//! `docs/observability.md` has the whole of it for operators.

#[cfg(all(feature = "consumer", feature = "_database"))]
mod handling;
mod names;
mod publishing;
#[cfg(all(feature = "kafka", feature = "_database"))]
mod relaying;
#[cfg(feature = "kafka")]
mod spans;
#[cfg(test)]
#[cfg(all(feature = "kafka", feature = "_database"))]
mod tests;

#[cfg(all(feature = "consumer", feature = "_database"))]
pub(crate) use handling::ConsumerMetrics;
pub(crate) use publishing::{Outcome, PublisherMetrics};
#[cfg(all(feature = "kafka", feature = "_database"))]
pub(crate) use relaying::{
    Again, Dependency, RelayMetrics, ShownRelay, show_backlog, show_circuit, show_lanes, show_oldest,
};
#[cfg(all(feature = "kafka", feature = "_database"))]
pub(crate) use spans::SendSpans;
#[cfg(all(feature = "consumer", feature = "_database"))]
pub(crate) use spans::process_span;
#[cfg(feature = "kafka")]
pub(crate) use spans::{end, send_span};
