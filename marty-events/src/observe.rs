//! Metrics, by the `metrics` facade: names, labels and units in one place.
//!
//! | name | labels | counts |
//! |---|---|---|
//! | `marty_events_published_total` | `route` (`outbox`, `direct`), `outcome` (`accepted`, `kept`, `failed`) | events that a publisher was given |
//! | `marty_events_relayed_total` | | events delivered from the outbox |
//! | `marty_events_refused_total` | | refusals by the broker |
//! | `marty_events_dead_letters_total` | | events moved to the dead letters |

/// Counts, or does nothing where the configuration turned metrics off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metrics {
    enabled: bool,
}

impl Metrics {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled }
    }

    pub(crate) fn published(self, route: &'static str, outcome: &'static str, count: usize) {
        if self.enabled {
            metrics::counter!("marty_events_published_total", "route" => route, "outcome" => outcome)
                .increment(count as u64);
        }
    }

    pub(crate) fn relayed(self, count: usize) {
        if self.enabled {
            metrics::counter!("marty_events_relayed_total").increment(count as u64);
        }
    }

    pub(crate) fn refused(self) {
        if self.enabled {
            metrics::counter!("marty_events_refused_total").increment(1);
        }
    }

    pub(crate) fn buried(self) {
        if self.enabled {
            metrics::counter!("marty_events_dead_letters_total").increment(1);
        }
    }
}
