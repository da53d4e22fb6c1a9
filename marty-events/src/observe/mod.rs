//! Metrics by the `metrics` facade, and spans by `tracing`.
//!
//! `docs/observability.md` has the whole of it for operators.

mod names;
mod publishing;
mod relaying;
mod spans;
#[cfg(test)]
mod tests;

pub(crate) use publishing::{Outcome, PublisherMetrics, show_direct_circuit};
pub(crate) use relaying::{Again, Dependency, RelayMetrics, show_backlog, show_circuit, show_lanes, show_oldest};
pub(crate) use spans::{SendSpans, end, send_span};
