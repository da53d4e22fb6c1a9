use std::{sync::Arc, time::Instant};

use super::names;
use crate::event::EventKind;
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
#[derive(Debug, Clone)]
pub(crate) struct PublisherMetrics {
    enabled: bool,
    /// The publishing service: several may be scraped under one job.
    service: Arc<str>,
}

impl PublisherMetrics {
    pub(crate) fn new(enabled: bool, service: &str) -> Self {
        let metrics = Self { enabled, service: service.into() };
        if enabled {
            names::describe();
            // A counter that begins with its first event hides that event from a query for an increase.
            for kind in EventKind::ALL {
                let direct = [Outcome::Accepted, Outcome::Kept, Outcome::Failed].map(|outcome| ("direct", outcome));
                let outbox = [Outcome::Accepted, Outcome::Failed].map(|outcome| ("outbox", outcome));
                for (route, outcome) in direct.into_iter().chain(outbox) {
                    metrics.count(kind, route, outcome, 0);
                }
            }
            metrics.show_direct_circuit(0.0);
        }
        metrics
    }

    /// A direct event that was on its way since `begun`.
    pub(crate) fn sent(&self, kind: EventKind, outcome: Outcome, begun: Instant) {
        if self.enabled {
            self.count(kind, "direct", outcome, 1);
            self.observe("direct", outcome, begun);
        }
    }

    /// A direct event that did not even get on its way.
    pub(crate) fn lost(&self, kind: EventKind) {
        if self.enabled {
            self.count(kind, "direct", Outcome::Failed, 1);
        }
    }

    /// Events of one insert.
    pub(crate) fn inserted(&self, messages: &[Message], is_done: bool, begun: Instant) {
        if !self.enabled || messages.is_empty() {
            return;
        }
        let outcome = if is_done { Outcome::Accepted } else { Outcome::Failed };
        for kind in EventKind::ALL {
            let events = messages.iter().filter(|message| message.kind == kind).count();
            if 0 < events {
                self.count(kind, "outbox", outcome, events);
            }
        }
        self.observe("outbox", outcome, begun);
    }

    /// As many publishers `more` of this process as before send no direct events, because the broker is away.
    pub(crate) fn show_away(&self, more: f64) {
        if self.enabled {
            self.show_direct_circuit(more);
        }
    }

    fn show_direct_circuit(&self, more: f64) {
        metrics::gauge!(names::DIRECT_CIRCUIT, "service" => Arc::clone(&self.service)).increment(more);
    }

    fn count(&self, kind: EventKind, route: &'static str, outcome: Outcome, events: usize) {
        let (service, kind, outcome) = (Arc::clone(&self.service), kind.as_str(), outcome.as_str());
        metrics::counter!(
            names::PUBLISHED, "service" => service, "kind" => kind, "route" => route, "outcome" => outcome
        )
        .increment(events as u64);
    }

    fn observe(&self, route: &'static str, outcome: Outcome, begun: Instant) {
        let (service, outcome) = (Arc::clone(&self.service), outcome.as_str());
        metrics::histogram!(
            names::PUBLISH_DURATION, "service" => service, "route" => route, "outcome" => outcome
        )
        .record(begun.elapsed());
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
