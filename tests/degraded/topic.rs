//! A topic that refuses: it is not there, may not be written to, or takes small records only.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use marty_events::OutboxRelayBuilder;
use marty_events_tests::{
    acls::{self, Operation},
    private_servers::Server,
    secured_kafka::{LIMITED, Listener, SecuredKafka},
    servers, topics, wait,
};

use crate::{
    deliveries::Deliveries,
    figures::{Arrived, SOON, say},
    fixture::{Fixture, HEALTHY, Kind, PARTITIONS, event, large},
    relays::Relay,
};

static SHARED: Mutex<Weak<(Server, String)>> = Mutex::new(Weak::new());

/// A broker that makes no topic by itself, for the tests that ask for it at the same time.
async fn broker(test: &str) -> Option<Arc<(Server, String)>> {
    servers::kafka(test)?;
    let start = || {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Server::kafka_of_given_topics());
            *shared = Arc::downgrade(&started);
            started
        })
    };
    Some(tokio::task::spawn_blocking(start).await.expect("a broker"))
}

/// Writes `events` of a topic that refuses, and 100 healthy ones behind them; answers how the latter came.
async fn healthy_beside(fixture: &Fixture, aggregate: &str, events: usize, keys: usize) -> (Vec<uuid::Uuid>, Arrived) {
    let refused =
        fixture.write((0..events).map(|place| event(aggregate, &format!("k-{}", place % keys), place / keys)));
    let refused = refused.await;
    let healthy = fixture.write_healthy(100).await;
    (refused, fixture.deliveries.await_all(&healthy, SOON).await)
}

/// With `give_up(false)`, and the topic made in the end.
async fn a_missing_topic(test: &str, kind: Kind) {
    let Some(broker) = broker(test).await else { return };
    let Some(fixture) = Fixture::with_brokers(test, kind, &broker.1).await else { return };
    let relay = Relay::start(fixture.relay().give_up(false));
    fixture.deliveries.until_all(&fixture.write_healthy(1).await).await;
    let (waiting, healthy) = healthy_beside(&fixture, "missing", 6_000, 100).await;
    let topic = fixture.topic("missing");
    topics::make(&fixture.brokers, &topic, PARTITIONS, &[]).await;
    let late = Deliveries::start(&fixture.brokers, &[(topic, PARTITIONS)]);
    let all = late.await_all(&waiting, Duration::from_mins(3)).await;
    say(
        "topic",
        format_args!("{}, 6,000 events of a topic that is missing, give_up(false)", kind.name()),
        format_args!("healthy {healthy}; when it was made {all}, {} keys out of order", late.disordered()),
    );
    drop(relay);
    healthy.assert_all("healthy events beside a missing topic");
    all.assert_all("events of the topic that was made late");
    assert_eq!(late.disordered(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_topic_holds_up_no_other_in_postgresql() {
    a_missing_topic("a_missing_topic_holds_up_no_other_in_postgresql", Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_topic_holds_up_no_other_in_mariadb() {
    a_missing_topic("a_missing_topic_holds_up_no_other_in_mariadb", Kind::MariaDb).await;
}

/// With the defaults.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_of_a_missing_topic_hold_up_no_other() {
    let test = "many_events_of_a_missing_topic_hold_up_no_other";
    let Some(broker) = broker(test).await else { return };
    let Some(fixture) = Fixture::with_brokers(test, Kind::Postgres, &broker.1).await else { return };
    let relay = Relay::start(fixture.relay());
    fixture.deliveries.until_all(&fixture.write_healthy(1).await).await;
    let (_, healthy) = healthy_beside(&fixture, "missing", 20_000, 2_000).await;
    let stats = fixture.outbox.stats().await.expect("the counts");
    say(
        "topic",
        "PostgreSQL, 20,000 events of a topic that is missing, the defaults",
        format_args!("healthy {healthy}; then {} dead, {} waiting", stats.dead, stats.pending),
    );
    healthy.assert_all("healthy events beside a missing topic");
    kept(&fixture, 20_000).await;
    drop(relay);
}

/// Nothing is lost: so many events are dead or wait, once the others are settled.
async fn kept(fixture: &Fixture, events: u64) {
    wait::until("the events that are kept", || async {
        let stats = fixture.outbox.stats().await.ok()?;
        (stats.dead + stats.pending == events).then_some(())
    })
    .await;
}

async fn a_denied_topic(test: &str, give_up: bool) {
    if servers::kafka(test).is_none() {
        return;
    }
    let kafka = {
        let test = test.to_owned();
        tokio::task::spawn_blocking(move || SecuredKafka::shared(&test)).await.expect("a broker")
    };
    let Some(kafka) = kafka else { return };
    let Some(fixture) = Fixture::with_brokers(test, Kind::Postgres, &kafka.open).await else { return };
    topics::make(&kafka.open, &fixture.topic("denied"), PARTITIONS, &[]).await;
    let (open, healthy) = (kafka.open.clone(), fixture.topic(HEALTHY));
    let allow = move || acls::allow(&open, LIMITED, Operation::Write, &healthy);
    tokio::task::spawn_blocking(allow).await.expect("a right");
    let limited = kafka.client(Listener::Sasl).topic_prefix(&fixture.prefix).sasl("PLAIN", LIMITED, &kafka.password);
    let relay: OutboxRelayBuilder = fixture.relay().config(limited.build().expect("a configuration")).give_up(give_up);
    let relay = Relay::start(relay);
    fixture.deliveries.until_all(&fixture.write_healthy(1).await).await;
    let (_, healthy) = healthy_beside(&fixture, "denied", 6_000, 6_000).await;
    let stats = fixture.outbox.stats().await.expect("the counts");
    say(
        "topic",
        format_args!("PostgreSQL, 6,000 events of a topic that may not be written to, give_up({give_up})"),
        format_args!("healthy {healthy}; then {} dead, {} waiting", stats.dead, stats.pending),
    );
    healthy.assert_all("healthy events beside a denied topic");
    kept(&fixture, 6_000).await;
    drop(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_topic_holds_up_no_other() {
    a_denied_topic("a_denied_topic_holds_up_no_other", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_topic_whose_events_are_never_given_up_holds_up_no_other() {
    a_denied_topic("a_denied_topic_whose_events_are_never_given_up_holds_up_no_other", false).await;
}

async fn a_narrow_topic(test: &str, give_up: bool) {
    let Some(fixture) = Fixture::new(test, Kind::Postgres).await else { return };
    let narrow = fixture.topic("narrow");
    topics::make(&fixture.brokers, &narrow, PARTITIONS, &[("max.message.bytes", "2000")]).await;
    let small = Deliveries::start(&fixture.brokers, &[(narrow, PARTITIONS)]);
    let relay = Relay::start(fixture.relay().give_up(give_up));
    fixture.deliveries.until_all(&fixture.write_healthy(1).await).await;
    // More than a window has room for.
    let events = 6_000;
    fixture.write((0..events).map(|key| large("narrow", &format!("large-{key}"), 5_000))).await;
    let beside = fixture.write((0..100).map(|key| event("narrow", &format!("small-{key}"), 0))).await;
    let healthy = fixture.write_healthy(100).await;
    let healthy = fixture.deliveries.await_all(&healthy, SOON).await;
    let beside = small.await_all(&beside, SOON).await;
    let stats = fixture.outbox.stats().await.expect("the counts");
    say(
        "topic",
        format_args!("PostgreSQL, {events} events too large for their topic, give_up({give_up})"),
        format_args!(
            "healthy {healthy}; small ones of the same topic {beside} more; then {} dead, {} waiting",
            stats.dead, stats.pending
        ),
    );
    drop(relay);
    healthy.assert_all("healthy events beside a narrow topic");
    beside.assert_all("small events of a narrow topic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_too_large_for_their_topic_hold_up_no_other() {
    a_narrow_topic("events_too_large_for_their_topic_hold_up_no_other", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_too_large_for_their_topic_that_are_never_given_up_hold_up_no_other() {
    a_narrow_topic("events_too_large_for_their_topic_that_are_never_given_up_hold_up_no_other", false).await;
}
