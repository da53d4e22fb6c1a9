use std::{sync::Arc, time::Instant};

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
    outbox::RelayName,
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

fn outbox() -> Arc<str> {
    "users.event_outbox".into()
}

/// Everything that a publisher can count.
fn publish(enabled: bool) {
    let metrics = PublisherMetrics::new(enabled, "users");
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
    let mut metrics = RelayMetrics::new(enabled, &outbox());
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
            "marty_events_published_total{service=\"users\",kind=\"domain\",route=\"outbox\",outcome=\"accepted\"} 2",
            "marty_events_published_total{service=\"users\",kind=\"audit\",route=\"outbox\",outcome=\"accepted\"} 1",
            "marty_events_published_total{service=\"users\",kind=\"domain\",route=\"outbox\",outcome=\"failed\"} 1",
            "marty_events_published_total{service=\"users\",kind=\"audit\",route=\"direct\",outcome=\"accepted\"} 1",
            "marty_events_published_total{service=\"users\",kind=\"audit\",route=\"direct\",outcome=\"kept\"} 1",
            "marty_events_published_total{service=\"users\",kind=\"notification\",route=\"direct\",outcome=\"failed\"} 1",
            "marty_events_published_total{service=\"users\",kind=\"custom\",route=\"direct\",outcome=\"failed\"} 1",
            "marty_events_published_total{service=\"users\",kind=\"custom\",route=\"direct\",outcome=\"accepted\"} 0",
            "marty_events_publish_duration_seconds_count{service=\"users\",route=\"outbox\",outcome=\"accepted\"} 1",
            "marty_events_publish_duration_seconds_count{service=\"users\",route=\"outbox\",outcome=\"failed\"} 1",
            "marty_events_publish_duration_seconds_count{service=\"users\",route=\"direct\",outcome=\"kept\"} 1",
            "marty_events_publish_duration_seconds_count{service=\"users\",route=\"direct\",outcome=\"failed\"} 1",
        ],
    );
}

#[test]
fn relays_count_what_they_do_and_the_lag_of_every_event() {
    let page = shown(|| relay(true));
    assert_shows(
        &page,
        &[
            "marty_events_relayed_total{outbox=\"users.event_outbox\"} 2",
            "marty_events_relay_lag_seconds_count{outbox=\"users.event_outbox\"} 2",
            "marty_events_relay_lag_seconds{outbox=\"users.event_outbox\",quantile=\"0\"} 0",
            "marty_events_relay_statement_rows_sum{outbox=\"users.event_outbox\",statement=\"fetch\"} 3",
            "marty_events_relay_statement_rows_count{outbox=\"users.event_outbox\",statement=\"fetch\"} 1",
            "marty_events_relay_statement_duration_seconds_count{outbox=\"users.event_outbox\",statement=\"fetch\"} 2",
            "marty_events_relay_statement_rows_sum{outbox=\"users.event_outbox\",statement=\"settle\"} 2",
            "marty_events_refused_total{outbox=\"users.event_outbox\"} 2",
            "marty_events_retried_total{outbox=\"users.event_outbox\",after=\"refusal\"} 1",
            "marty_events_retried_total{outbox=\"users.event_outbox\",after=\"outage\"} 1",
            "marty_events_dead_letters_total{outbox=\"users.event_outbox\"} 1",
        ],
    );
    let lag = page
        .lines()
        .find_map(|line| line.strip_prefix("marty_events_relay_lag_seconds_sum{outbox=\"users.event_outbox\"} "))
        .expect("a sum");
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
        show_lanes(&outbox(), 8.0);
        show_lanes(&outbox(), 8.0);
        show_lanes(&outbox(), -3.0);
        show_circuit(&outbox(), Dependency::Broker, 0.0);
        show_circuit(&outbox(), Dependency::Broker, 1.0);
        show_circuit(&outbox(), Dependency::Broker, 1.0);
        show_circuit(&outbox(), Dependency::Database, 1.0);
        show_circuit(&outbox(), Dependency::Database, -1.0);
    });
    assert_shows(
        &page,
        &[
            "marty_events_relay_lanes{outbox=\"users.event_outbox\"} 13",
            "marty_events_circuit_open{outbox=\"users.event_outbox\",dependency=\"broker\"} 2",
            "marty_events_circuit_open{outbox=\"users.event_outbox\",dependency=\"database\"} 0",
        ],
    );
}

#[test]
fn a_relay_is_shown_by_its_name_for_as_long_as_it_runs() {
    let name = RelayName { service: "users".into(), host: Some("pod-1".into()), process_id: 7, version: "1.2.3" };
    let line = |count| {
        format!(
            "marty_events_relay_info{{outbox=\"users.event_outbox\",service=\"users\",host=\"pod-1\",process_id=\"7\",version=\"1.2.3\"}} {count}"
        )
    };
    let page = shown(|| drop(ShownRelay::new(&outbox(), &Arc::new(name.clone()))));
    assert_shows(&page, &[&line(0)]);
    let page = shown(|| std::mem::forget(ShownRelay::new(&outbox(), &Arc::new(name))));
    assert_shows(&page, &[&line(1)]);
}
