use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use metrics_exporter_prometheus::PrometheusBuilder;
use uuid::Uuid;

use super::*;
use crate::{
    AuditEvent, AuditEventType, DomainEvent, Event, EventContext,
    event::{
        EventKind,
        envelope::Message,
        source::{Service, Source},
    },
};

/// An exporter's text after `does` has counted.
fn shown(does: impl FnOnce()) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, does);
    handle.render()
}

#[track_caller]
fn assert_shows(page: &str, lines: &[&str]) {
    for line in lines {
        assert!(page.lines().any(|shown| shown == *line), "no `{line}` in\n{page}");
    }
}

fn message(event: impl Into<Event>) -> Message {
    let source = Source {
        service: Service::new("users", "1.2.3"),
        takes_any_service: false,
        topic_prefix: "marty".to_owned(),
        domain_topic: crate::event::topic::TopicPattern::default(),
        schema_base_url: None,
        tracing: true,
    };
    source.message_at(event.into(), Uuid::nil(), Timestamp::UNIX_EPOCH, EventContext::new()).expect("a message")
}

/// Everything that a publisher can count.
fn publish(enabled: bool) {
    let metrics = PublisherMetrics::new(enabled);
    let begun = Instant::now();
    let moved = || message(DomainEvent::new("account", 1, "moved"));
    let read = message(AuditEvent::new(AuditEventType::DataAccessed, "read", "account"));
    metrics.inserted(&[moved(), read, moved()], true, begun);
    metrics.inserted(&[moved()], false, begun);
    metrics.inserted(&[], true, begun);
    metrics.sent(EventKind::Audit, Outcome::Accepted, begun);
    metrics.sent(EventKind::Audit, Outcome::Kept, begun);
    metrics.sent(EventKind::Notification, Outcome::Failed, begun);
    metrics.lost(EventKind::Custom);
}

/// Everything that a relay can count.
fn relay(enabled: bool) {
    let mut metrics = RelayMetrics::new(enabled);
    let (begun, now) = (Instant::now(), Timestamp::now());
    metrics.fetched(3, begun.elapsed());
    metrics.fetched(0, begun.elapsed());
    metrics.acknowledged(now - SignedDuration::from_hours(1));
    metrics.acknowledged(now + SignedDuration::from_hours(1));
    metrics.settled(2, begun.elapsed());
    metrics.refused();
    metrics.refused();
    metrics.sends_again(Again::Refusal);
    metrics.sends_again(Again::Outage);
    metrics.buried();
}

#[test]
fn publishers_count_by_kind_route_and_outcome() {
    let page = shown(|| publish(true));
    assert_shows(
        &page,
        &[
            "marty_events_published_total{kind=\"domain\",route=\"outbox\",outcome=\"accepted\"} 2",
            "marty_events_published_total{kind=\"audit\",route=\"outbox\",outcome=\"accepted\"} 1",
            "marty_events_published_total{kind=\"domain\",route=\"outbox\",outcome=\"failed\"} 1",
            "marty_events_published_total{kind=\"audit\",route=\"direct\",outcome=\"accepted\"} 1",
            "marty_events_published_total{kind=\"audit\",route=\"direct\",outcome=\"kept\"} 1",
            "marty_events_published_total{kind=\"notification\",route=\"direct\",outcome=\"failed\"} 1",
            "marty_events_published_total{kind=\"custom\",route=\"direct\",outcome=\"failed\"} 1",
            "marty_events_published_total{kind=\"custom\",route=\"direct\",outcome=\"accepted\"} 0",
            "marty_events_publish_duration_seconds_count{route=\"outbox\",outcome=\"accepted\"} 1",
            "marty_events_publish_duration_seconds_count{route=\"outbox\",outcome=\"failed\"} 1",
            "marty_events_publish_duration_seconds_count{route=\"direct\",outcome=\"kept\"} 1",
            "marty_events_publish_duration_seconds_count{route=\"direct\",outcome=\"failed\"} 1",
        ],
    );
}

#[test]
fn relays_count_what_they_do_and_the_lag_of_every_event() {
    let page = shown(|| relay(true));
    assert_shows(
        &page,
        &[
            "marty_events_relayed_total 2",
            "marty_events_relay_lag_seconds_count 2",
            "marty_events_relay_lag_seconds{quantile=\"0\"} 0",
            "marty_events_relay_statement_rows_sum{statement=\"fetch\"} 3",
            "marty_events_relay_statement_rows_count{statement=\"fetch\"} 1",
            "marty_events_relay_statement_duration_seconds_count{statement=\"fetch\"} 2",
            "marty_events_relay_statement_rows_sum{statement=\"settle\"} 2",
            "marty_events_refused_total 2",
            "marty_events_retried_total{after=\"refusal\"} 1",
            "marty_events_retried_total{after=\"outage\"} 1",
            "marty_events_dead_letters_total 1",
        ],
    );
    let lag = page.lines().find_map(|line| line.strip_prefix("marty_events_relay_lag_seconds_sum ")).expect("a sum");
    let lag: f64 = lag.parse().expect("a number");
    assert!((3_600.0..3_660.0).contains(&lag), "a clock that is ahead gives no negative lag: {lag}");
}

#[test]
fn nothing_is_counted_where_metrics_are_off() {
    let page = shown(|| {
        publish(false);
        relay(false);
    });
    assert_eq!(page, "");
}

#[test]
fn relays_of_one_process_add_up() {
    let page = shown(|| {
        show_lanes(8.0);
        show_lanes(8.0);
        show_lanes(-3.0);
        show_circuit(Dependency::Broker, 0.0);
        show_circuit(Dependency::Broker, 1.0);
        show_circuit(Dependency::Broker, 1.0);
        show_circuit(Dependency::Database, 1.0);
        show_circuit(Dependency::Database, -1.0);
    });
    assert_shows(
        &page,
        &[
            "marty_events_relay_lanes 13",
            "marty_events_circuit_open{dependency=\"broker\"} 2",
            "marty_events_circuit_open{dependency=\"database\"} 0",
        ],
    );
}
