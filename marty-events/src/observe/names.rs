//! Every metric: its name, which is stable, its unit and its meaning.
//!
//! Names end in their unit, and counters in `_total`, by Prometheus' convention (<https://prometheus.io/docs/practices/naming/>).

use metrics::Unit;

pub(super) const PUBLISHED: &str = "marty_events_published_total";
pub(super) const PUBLISH_DURATION: &str = "marty_events_publish_duration_seconds";
pub(super) const PENDING: &str = "marty_events_outbox_pending";
pub(super) const OLDEST_AGE: &str = "marty_events_outbox_oldest_age_seconds";
pub(super) const DEAD: &str = "marty_events_outbox_dead_letters";
pub(super) const COUNTED_AT: &str = "marty_events_outbox_counted_timestamp_seconds";
pub(super) const RELAYED: &str = "marty_events_relayed_total";
pub(super) const LAG: &str = "marty_events_relay_lag_seconds";
pub(super) const REFUSED: &str = "marty_events_refused_total";
pub(super) const RETRIED: &str = "marty_events_retried_total";
pub(super) const BURIED: &str = "marty_events_dead_letters_total";
pub(super) const RELAY_INFO: &str = "marty_events_relay_info";
pub(super) const LANES: &str = "marty_events_relay_lanes";
pub(super) const RELAY_OLDEST: &str = "marty_events_relay_oldest_age_seconds";
pub(super) const CIRCUIT: &str = "marty_events_circuit_open";
pub(super) const DIRECT_CIRCUIT: &str = "marty_events_direct_circuit_open";
pub(super) const STATEMENT_DURATION: &str = "marty_events_relay_statement_duration_seconds";
pub(super) const STATEMENT_ROWS: &str = "marty_events_relay_statement_rows";
pub(super) const HANDLED: &str = "marty_events_handled_total";
pub(super) const HANDLER_FAILURES: &str = "marty_events_handler_failures_total";
pub(super) const HANDLER_DURATION: &str = "marty_events_handler_duration_seconds";
pub(super) const HANDLER_RETRIES: &str = "marty_events_handler_retries_total";
pub(super) const HANDLER_BURIED: &str = "marty_events_handler_dead_letters_total";
pub(super) const HANDLING_AGE: &str = "marty_events_handling_age_seconds";
pub(super) const DUPLICATES: &str = "marty_events_duplicates_total";
pub(super) const PARKED: &str = "marty_events_parked_total";
pub(super) const CONSUMER_LAG: &str = "marty_events_consumer_lag";
pub(super) const WAITING: &str = "marty_events_inbox_parked";
pub(super) const OLDEST_PARKED: &str = "marty_events_inbox_oldest_parked_age_seconds";
pub(super) const GROUP_DEAD: &str = "marty_events_inbox_dead_letters";

enum Kind {
    Counter,
    Gauge,
    Histogram,
}

struct Metric {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    help: &'static str,
}

const fn metric(name: &'static str, kind: Kind, unit: Unit, help: &'static str) -> Metric {
    Metric { name, kind, unit, help }
}

const METRICS: [Metric; 30] = [
    metric(PUBLISHED, Kind::Counter, Unit::Count, "Events that a publisher was given, by what became of them."),
    metric(
        PUBLISH_DURATION,
        Kind::Histogram,
        Unit::Seconds,
        "Direct: from the call until the event was acknowledged, kept or failed. Outbox: the insert.",
    ),
    metric(PENDING, Kind::Gauge, Unit::Count, "Events that wait in the outbox."),
    metric(OLDEST_AGE, Kind::Gauge, Unit::Seconds, "How long the oldest of them has waited; 0 where none does."),
    metric(DEAD, Kind::Gauge, Unit::Count, "Events in the dead letters."),
    metric(COUNTED_AT, Kind::Gauge, Unit::Seconds, "When the outbox was last counted, in seconds since 1970."),
    metric(RELAYED, Kind::Counter, Unit::Count, "Events delivered from the outbox and removed from it."),
    metric(LAG, Kind::Histogram, Unit::Seconds, "From the insert into the outbox to the broker's acknowledgement."),
    metric(REFUSED, Kind::Counter, Unit::Count, "Refusals of events by the broker."),
    metric(RETRIED, Kind::Counter, Unit::Count, "Events that the relay sends again, by why."),
    metric(BURIED, Kind::Counter, Unit::Count, "Events moved to the dead letters."),
    metric(RELAY_INFO, Kind::Gauge, Unit::Count, "Relays of this process, by their names."),
    metric(LANES, Kind::Gauge, Unit::Count, "Lanes that this process's relays hold, of 16 in all."),
    metric(
        RELAY_OLDEST,
        Kind::Gauge,
        Unit::Seconds,
        "How long the oldest event has waited that a relay of this process has read and not delivered; 0 where there is none.",
    ),
    metric(CIRCUIT, Kind::Gauge, Unit::Count, "Relays of this process that a dependency does not answer."),
    metric(
        DIRECT_CIRCUIT,
        Kind::Gauge,
        Unit::Count,
        "Publishers of this process that send no direct events, because the broker is away.",
    ),
    metric(STATEMENT_DURATION, Kind::Histogram, Unit::Seconds, "How long the relay's statements take."),
    metric(STATEMENT_ROWS, Kind::Histogram, Unit::Count, "Rows of a relay's statement that found any."),
    metric(HANDLED, Kind::Counter, Unit::Count, "Events whose handler's transaction was committed."),
    metric(HANDLER_FAILURES, Kind::Counter, Unit::Count, "Calls of handlers that failed, panicked or took too long."),
    metric(HANDLER_DURATION, Kind::Histogram, Unit::Seconds, "How long calls of handlers take."),
    metric(HANDLER_RETRIES, Kind::Counter, Unit::Count, "Calls of handlers for events that were parked."),
    metric(HANDLER_BURIED, Kind::Counter, Unit::Count, "Events that became dead letters of the group."),
    metric(HANDLING_AGE, Kind::Histogram, Unit::Seconds, "From the record's time to the commit of its handler."),
    metric(DUPLICATES, Kind::Counter, Unit::Count, "Records dropped because the group had taken their events before."),
    metric(PARKED, Kind::Counter, Unit::Count, "Events parked because they failed or because their key waits."),
    metric(CONSUMER_LAG, Kind::Gauge, Unit::Count, "Records of a partition that the group has not finished."),
    metric(WAITING, Kind::Gauge, Unit::Count, "Events that wait in the inbox of a group."),
    metric(OLDEST_PARKED, Kind::Gauge, Unit::Seconds, "How long the oldest of them has waited; 0 where none does."),
    metric(GROUP_DEAD, Kind::Gauge, Unit::Count, "Dead letters of a group."),
];

/// Describes each metric to the recorder that is installed by now.
pub(super) fn describe() {
    for Metric { name, kind, unit, help } in METRICS {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, unit, help),
            Kind::Gauge => metrics::describe_gauge!(name, unit, help),
            Kind::Histogram => metrics::describe_histogram!(name, unit, help),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Read when the test runs: a package has no files from outside of its folder.
    fn docs(file: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
        std::fs::read_to_string(path).expect("the documentation is beside the crate")
    }

    /// The names of metrics in a text, histograms without the suffixes of their series.
    fn named(text: &str) -> BTreeSet<&str> {
        let letters = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        let names = text.match_indices("marty_events_").map(|(start, _)| {
            let name = &text[start..];
            &name[..name.find(|letter| !letters(letter)).unwrap_or(name.len())]
        });
        names
            .map(|name| {
                let series = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
                series.filter(|name| is_histogram(name)).unwrap_or(name)
            })
            .collect()
    }

    fn is_histogram(name: &str) -> bool {
        METRICS.iter().any(|metric| metric.name == name && matches!(metric.kind, Kind::Histogram))
    }

    fn all() -> BTreeSet<&'static str> {
        METRICS.iter().map(|metric| metric.name).collect()
    }

    #[test]
    fn the_documentation_names_every_metric_and_no_other() {
        assert_eq!(named(&docs("observability.md")), all());
    }

    #[test]
    fn dashboard_and_alerts_name_metrics_that_exist() {
        for file in ["operations/dashboard.json", "operations/alerts.yaml"] {
            let text = docs(file);
            let names = named(&text);
            assert!(!names.is_empty(), "{file}");
            let unknown: Vec<_> = names.difference(&all()).copied().collect();
            assert_eq!(unknown, [""; 0], "{file}");
        }
    }

    #[test]
    fn the_dashboard_is_json_and_each_of_its_panels_asks_for_something() {
        let dashboard: serde_json::Value = serde_json::from_str(&docs("operations/dashboard.json")).expect("JSON");
        let panels = dashboard["panels"].as_array().expect("panels");
        let mut asked = BTreeSet::new();
        for panel in panels.iter().filter(|panel| panel["type"] != "row") {
            let targets = panel["targets"].as_array().expect("targets");
            assert!(!targets.is_empty(), "{}", panel["title"]);
            for target in targets {
                asked.extend(named(target["expr"].as_str().expect("an expression")));
            }
        }
        assert_eq!(asked, all(), "every metric is on the dashboard");
    }

    #[test]
    fn names_end_in_their_unit() {
        for Metric { name, kind, unit, .. } in METRICS {
            assert_eq!(name.ends_with("_total"), matches!(kind, Kind::Counter), "{name}");
            assert_eq!(name.ends_with("_seconds"), unit == Unit::Seconds, "{name}");
        }
    }
}
