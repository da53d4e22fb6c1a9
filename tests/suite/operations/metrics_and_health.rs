//! A relay's view of itself: its metrics, its health.

use std::{
    collections::BTreeMap,
    process::Command,
    time::{Duration, Instant},
};

use marty_events::{DomainEvent, EventPublisher, OutboxRelay, OutboxRepository, RelayState};
use marty_events_tests::{
    database::TestDatabase,
    faulty_network::FaultyNetwork,
    http,
    kafka::prefix,
    process::{Watched, command_line},
    servers, topics, wait,
};

use crate::support::{
    events::posted,
    service::{RunningRelay, Service, config},
};

/// A relay in a process of its own that listens.
struct Listening {
    relay: Watched,
    address: String,
    /// The outbox's name in its metrics.
    outbox: String,
}

impl Listening {
    async fn start(database: &str, brokers: &str, prefix: &str, metrics: bool) -> Self {
        let log = tempfile::NamedTempFile::new().expect("a file");
        let relay = Watched::start(
            Command::new(command_line())
                .args(["relay", "--listen", "127.0.0.1:0", "--lease-time", "2s", "--max-attempts", "2"])
                .env("DATABASE_URL", database)
                .env("SERVICE_NAME", "suite")
                .env("KAFKA_BROKERS", brokers)
                .env("EVENT_TOPIC_PREFIX", prefix)
                .env("ENABLE_EVENT_METRICS", metrics.to_string())
                .env("NO_COLOR", "1")
                .stderr(log.reopen().expect("the same file")),
        );
        let address = wait::until("its address", || async {
            let log = std::fs::read_to_string(log.path()).ok()?;
            let (_, rest) = log.split_once("served at ")?;
            Some(rest.split_whitespace().next()?.to_owned())
        });
        let (_, database) = database.rsplit_once('/').expect("a database");
        let outbox = format!("{}.event_outbox", database.split('?').next().expect("its name"));
        Self { address: address.await, relay, outbox }
    }

    fn health(&self, check: &str) -> (u16, serde_json::Value) {
        let (status, body) = http::get(&format!("{}/health/{check}", self.address));
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    /// Waits until it is ready, or until it is not and says why with `reason` in it; alive it is all the while.
    async fn until(&self, ready: bool, reason: &str) {
        wait::until(&format!("ready: {ready} ({reason})"), || async {
            assert_eq!(self.health("live").0, 200, "an outage is no reason to start again");
            let (status, answer) = self.health("ready");
            let reasons = answer["reason"].as_str().expect("a reason").contains(reason);
            (status == if ready { 200 } else { 503 } && reasons).then_some(())
        })
        .await;
    }

    /// Every series and its value, with the outbox's name left out, and the page itself.
    fn metrics(&self) -> (BTreeMap<String, f64>, String) {
        let (status, page) = http::get(&format!("{}/metrics", self.address));
        assert_eq!(status, 200, "{page}");
        let lines = page.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let series = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            let label = format!("outbox=\"{}\"", self.outbox);
            let name = name.replace(&format!("{{{label}}}"), "").replace(&format!("{label},"), "");
            (name, value.parse().expect("a number"))
        });
        (series.collect(), page)
    }

    /// Waits until these series have these values.
    async fn until_shown(&self, expected: &[(&str, f64)]) {
        wait::until(&format!("{expected:?}"), || async {
            let (series, _) = self.metrics();
            expected.iter().all(|(name, value)| series.get(*name) == Some(value)).then_some(())
        })
        .await;
    }
}

/// Every name of a metric in the documentation's tables.
fn documented() -> Vec<&'static str> {
    let tables = include_str!("../../../docs/observability.md");
    let rows = tables.lines().filter_map(|line| line.strip_prefix("| `marty_events_"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_process_shows_what_it_did_and_how_it_is() {
    let test = "a_relay_process_shows_what_it_did_and_how_it_is";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let (to_broker, to_database, prefix) = (FaultyNetwork::start().await, FaultyNetwork::start().await, prefix());
    topics::create(&brokers, &format!("{prefix}.suite.ledger.posted"), 20_000).await;
    let publisher = EventPublisher::new(&config(&brokers, &prefix)).unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let write = async |events: Vec<DomainEvent>| {
        let mut transaction = database.pool.begin().await.unwrap();
        publisher.publish_all_in(&mut transaction, events).await.unwrap();
        transaction.commit().await.unwrap();
    };
    // One is dead before the relay begins, and three wait.
    write(vec![posted("dead", 50_000)]).await;
    let first = OutboxRelay::builder(&database.pool).config(config(&brokers, &prefix)).max_attempts(1);
    let first = RunningRelay::start(first.lease_time(wait::patient(Duration::from_secs(1))));
    wait::until("a dead letter", || async { (outbox.stats().await.ok()?.dead == 1).then_some(()) }).await;
    first.stop().await;
    let written = Instant::now();
    write(vec![posted("a", 1), posted("b", 1), posted("c", 1)]).await;

    // The broker is not there when the relay begins.
    to_broker.lead_to("127.0.0.1:1");
    let database_url = to_database.url(&database.url);
    let relay = Listening::start(&database_url, &to_broker.address(), &prefix, true).await;
    relay.until(false, "waits for the broker since 20").await;
    relay
        .until_shown(&[
            ("marty_events_outbox_pending", 3.0),
            ("marty_events_outbox_dead_letters", 1.0),
            ("marty_events_circuit_open{dependency=\"broker\"}", 1.0),
            ("marty_events_circuit_open{dependency=\"database\"}", 0.0),
            ("marty_events_relay_lanes", 16.0),
            ("marty_events_relayed_total", 0.0),
            ("marty_events_dead_letters_total", 0.0),
        ])
        .await;
    let (shown, _) = relay.metrics();
    let age = shown["marty_events_outbox_oldest_age_seconds"];
    // The program may have to be compiled in this time.
    assert!(0.0 < age && age < written.elapsed().as_secs_f64() + 1.0, "{age}");
    let now = jiff::Timestamp::now().as_duration().as_secs_f64();
    let counted = shown["marty_events_outbox_counted_timestamp_seconds"];
    assert!(now - 60.0 < counted && counted <= now, "{counted}");

    to_broker.lead_to(&brokers);
    relay.until(true, "is working on 16 of 16 lanes").await;
    relay
        .until_shown(&[
            ("marty_events_circuit_open{dependency=\"broker\"}", 0.0),
            ("marty_events_relayed_total", 3.0),
            ("marty_events_relay_lag_seconds_count", 3.0),
            ("marty_events_relay_statement_rows_sum{statement=\"settle\"}", 3.0),
            ("marty_events_refused_total", 0.0),
        ])
        .await;
    write(vec![posted("d", 50_000)]).await;
    relay
        .until_shown(&[
            ("marty_events_refused_total", 2.0),
            ("marty_events_retried_total{after=\"refusal\"}", 1.0),
            ("marty_events_dead_letters_total", 1.0),
            ("marty_events_relayed_total", 3.0),
        ])
        .await;
    let (shown, page) = relay.metrics();
    let names = shown.keys().find_map(|series| series.strip_prefix("marty_events_relay_info")).expect("its names");
    assert!(names.starts_with("{service=\"suite\",host=\"") && names.ends_with(",version=\"0.1.0\"}"), "{names}");
    for line in page.lines().filter(|line| line.starts_with("marty_events_") && !line.contains("_direct_")) {
        let is_named = line.contains(&format!("outbox=\"{}\"", relay.outbox));
        assert!(is_named || line.contains("service=\"suite\""), "several services may share a job: {line}");
    }
    assert!(4.0 <= shown["marty_events_relay_statement_rows_sum{statement=\"fetch\"}"], "{page}");
    assert!(shown.contains_key("marty_events_relay_lag_seconds_bucket{le=\"0.005\"}"), "{page}");
    for (name, kind) in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')) {
        let documented = documented();
        assert!(name.strip_prefix("marty_events_").is_some_and(|name| documented.contains(&name)), "{name} ({kind})");
        assert!(page.contains(&format!("# HELP {name} ")), "{name} says what it is");
    }

    to_database.lead_to("127.0.0.1:1");
    to_database.cut();
    relay.until(false, "database").await;
    let _ = to_database.url(&database.url);
    relay.until(true, "is working on 16 of 16 lanes").await;
    relay.relay.terminate();
    assert_eq!(relay.relay.last_lines(), [""; 0], "it ends");
    assert_eq!(outbox.stats().await.unwrap().dead, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_relay_finds_out_that_the_broker_is_back_and_counts_nothing_where_it_must_not() {
    let test = "a_quiet_relay_finds_out_that_the_broker_is_back_and_counts_nothing_where_it_must_not";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let network = FaultyNetwork::start().await;
    network.lead_to("127.0.0.1:1");
    let relay = Listening::start(&database.url, &network.address(), &prefix(), false).await;
    relay.until(false, "waits for the broker").await;
    // There is nothing to deliver that would show it.
    network.lead_to(&brokers);
    relay.until(true, "is working on 16 of 16 lanes").await;
    assert_eq!(relay.metrics().1.trim(), "");
}

#[tokio::test]
async fn an_embedded_relay_tells_how_it_is() {
    let Some(service) = Service::start("an_embedded_relay_tells_how_it_is").await else { return };
    let pool = &service.database.pool;
    let others = |time: &'static str| async move {
        let sql = "WITH other AS (
                INSERT INTO event_outbox_relays (relay, expires_at, lease)
                VALUES ('00000000-0000-7000-8000-000000000001', clock_timestamp() + $1::text::interval, 3600000)
                ON CONFLICT (relay) DO UPDATE SET expires_at = excluded.expires_at RETURNING relay
            )
            UPDATE event_outbox_lanes SET owner = relay, term = term + 1 FROM other";
        sqlx::query(sql).bind(time).execute(pool).await.expect("the lanes");
    };
    others("1 hour").await;
    // A heartbeat that takes half the lease would be an outage, which has a state of its own.
    let patient = || service.relay().lease_time(Duration::from_mins(1)).idle_poll(Duration::from_millis(200));
    let relay = patient().build().unwrap();
    let mut health = relay.health();
    assert_eq!((health.state(), health.is_ready()), (RelayState::Starting, false));
    let stop = marty_events::CancellationToken::new();
    let running = tokio::spawn(relay.run(stop.clone()));
    assert_eq!(health.changed().await, Some(RelayState::StandingBy));
    assert!(health.is_ready(), "it does what there is for it to do");
    others("0").await;
    assert_eq!(health.changed().await, Some(RelayState::Working { lanes: 16 }));
    assert!(health.is_ready());
    others("1 hour").await;
    assert_eq!(health.changed().await, Some(RelayState::StandingBy));
    others("0").await;
    assert_eq!(health.changed().await, Some(RelayState::Working { lanes: 16 }));
    stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!((health.changed().await, health.is_ready()), (Some(RelayState::Stopped), false));
    assert_eq!(health.changed().await, None);

    let aborted = patient().build().unwrap();
    let mut health = aborted.health();
    let running = tokio::spawn(aborted.run(marty_events::CancellationToken::new()));
    assert_eq!(health.changed().await, Some(RelayState::Working { lanes: 16 }));
    running.abort();
    let _ = running.await;
    assert_eq!(health.changed().await, Some(RelayState::Stopped), "also where it was not asked to");
}
