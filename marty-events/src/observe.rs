//! Names of the metrics, in one place.

/// Events delivered from the outbox.
pub(crate) fn relayed(count: usize) {
    metrics::counter!("marty_events_relayed_total").increment(count as u64);
}

/// Events moved to the dead letters.
pub(crate) fn buried() {
    metrics::counter!("marty_events_dead_letters_total").increment(1);
}

/// An event that a publisher accepted or not, by its road.
pub(crate) fn published(route: &'static str, outcome: &'static str) {
    metrics::counter!("marty_events_published_total", "route" => route, "outcome" => outcome).increment(1);
}
