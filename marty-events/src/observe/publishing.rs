use std::time::Instant;

use super::names;
use crate::event::EventKind;
#[cfg(feature = "_database")]
use crate::event::envelope::Message;

/// The end of a direct event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The broker has it.
    Accepted,
    /// The outbox has it.
    Kept,
    /// Nobody has it.
    Failed,
}

/// Counts the events that publishers are given, or nothing if the configuration turned metrics off.
///
/// Metrics are looked up by name with every event. That costs next to nothing beside a round trip to the broker or the database, and finds
/// a recorder that was installed after the publisher was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublisherMetrics {
    enabled: bool,
}

impl PublisherMetrics {
    pub(crate) fn new(enabled: bool) -> Self {
        if enabled {
            names::describe();
            // A counter that begins with its first event hides that event from a query for an increase.
            for kind in EventKind::ALL {
                let direct = [Outcome::Accepted, Outcome::Kept, Outcome::Failed].map(|outcome| ("direct", outcome));
                let outbox = [Outcome::Accepted, Outcome::Failed].map(|outcome| ("outbox", outcome));
                for (route, outcome) in direct.into_iter().chain(outbox) {
                    count(kind, route, outcome, 0);
                }
            }
            metrics::gauge!(names::DIRECT_CIRCUIT).increment(0.0);
        }
        Self { enabled }
    }

    /// A direct event that was on its way since `begun`.
    pub(crate) fn sent(self, kind: EventKind, outcome: Outcome, begun: Instant) {
        if self.enabled {
            count(kind, "direct", outcome, 1);
            observe("direct", outcome, begun);
        }
    }

    /// A direct event that did not even get on its way.
    pub(crate) fn lost(self, kind: EventKind) {
        if self.enabled {
            count(kind, "direct", Outcome::Failed, 1);
        }
    }

    /// Events of one insert.
    #[cfg(feature = "_database")]
    pub(crate) fn inserted(self, messages: &[Message], is_done: bool, begun: Instant) {
        if !self.enabled || messages.is_empty() {
            return;
        }
        let outcome = if is_done { Outcome::Accepted } else { Outcome::Failed };
        for kind in EventKind::ALL {
            let events = messages.iter().filter(|message| message.kind == kind).count();
            if 0 < events {
                count(kind, "outbox", outcome, events);
            }
        }
        observe("outbox", outcome, begun);
    }
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Kept => "kept",
            Self::Failed => "failed",
        }
    }
}

/// As many publishers `more` of this process as before send no direct events, because the broker is away.
#[cfg(feature = "kafka")]
pub(crate) fn show_direct_circuit(more: f64) {
    metrics::gauge!(names::DIRECT_CIRCUIT).increment(more);
}

fn count(kind: EventKind, route: &'static str, outcome: Outcome, events: usize) {
    let (kind, outcome) = (kind.as_str(), outcome.as_str());
    metrics::counter!(names::PUBLISHED, "kind" => kind, "route" => route, "outcome" => outcome)
        .increment(events as u64);
}

fn observe(route: &'static str, outcome: Outcome, begun: Instant) {
    metrics::histogram!(names::PUBLISH_DURATION, "route" => route, "outcome" => outcome.as_str())
        .record(begun.elapsed());
}
