//! A broker that goes away and comes back: a Kafka of this test's own, killed and started again on the same port and data.

use std::{process::Command, time::Duration};

use marty_events::{EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{
    database::TestDatabase,
    faulty_network::FaultyNetwork,
    kafka::{Reader, prefix},
    logs::Lines,
    private_kafka::PrivateKafka,
    process::{Watched, command_line},
    servers, wait,
};
use rdkafka::{
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tracing::level_filters::LevelFilter;

use crate::support::{
    events::numbered,
    service::{RunningRelay, config},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_outage_burns_no_attempts_loses_nothing_and_keeps_the_order() {
    let test = "a_broker_outage_burns_no_attempts_loses_nothing_and_keeps_the_order";
    let Some(broker) = PrivateKafka::start(test).await else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let prefix = prefix();
    let config = config(&broker.bootstrap, &prefix);
    let publisher = EventPublisher::new(&config).unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let relay = OutboxRelay::builder(&database.pool).config(config).lease_time(wait::patient(Duration::from_secs(2)));
    let relay = RunningRelay::start(relay);
    let write = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let mut transaction = database.pool.begin().await.unwrap();
            publisher
                .publish_all_in(&mut transaction, (0..10).map(|key| numbered(&key.to_string(), number)))
                .await
                .unwrap();
            transaction.commit().await.unwrap();
        }
    };

    write(0..20).await;
    wait::until("the first delivery", || async { (100 < outbox.stats().await.ok()?.published).then_some(()) }).await;
    broker.kill();
    write(20..60).await;
    // Long enough for the client to have found out and to have tried again: the lease is renewed all the while.
    let before = outbox.stats().await.unwrap().published;
    wait::until("an outage that lasts", || async {
        let age = outbox.stats().await.ok()?.oldest_pending_age?;
        (Duration::from_secs(15) < age).then_some(())
    })
    .await;
    let during = outbox.stats().await.unwrap();
    assert!(during.published <= before + 200, "nothing is delivered without a broker");
    assert!(outbox.pending(1000).await.unwrap().iter().all(|event| event.attempts == 0), "an outage is no attempt");
    assert_eq!(during.dead, 0);

    broker.restart().await;
    let reader = Reader::start(&broker.bootstrap, &prefix);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    let records = reader.events(600).await;
    relay.stop().await;
    let mut seen = std::collections::HashSet::new();
    let mut next = [0; 10];
    for record in records.iter().filter(|record| seen.insert(record.id().map(str::to_owned))) {
        let key: usize = record.key.as_ref().unwrap().parse().unwrap();
        assert_eq!(record.value["payload"]["event_data"]["number"], next[key], "key {key}");
        next[key] += 1;
    }
    assert_eq!(next, [60; 10]);
}

#[tokio::test]
async fn an_outage_is_a_line_in_the_log_when_it_begins_and_one_when_it_ends() {
    let test = "an_outage_is_a_line_in_the_log_when_it_begins_and_one_when_it_ends";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let (network, prefix) = (FaultyNetwork::start().await, prefix());
    // Nobody listens there.
    network.lead_to("127.0.0.1:1");
    let log = tempfile::NamedTempFile::new().unwrap();
    let relay = Watched::start(
        Command::new(command_line())
            .arg("relay")
            .env("DATABASE_URL", &database.url)
            .env("SERVICE_NAME", "suite")
            .env("KAFKA_BROKERS", network.address())
            .env("EVENT_TOPIC_PREFIX", &prefix)
            .env("RUST_LOG", "info")
            .stderr(log.reopen().unwrap()),
    );
    let publisher = EventPublisher::new(&config(&brokers, &prefix)).unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let mut transaction = database.pool.begin().await.unwrap();
    publisher.publish_all_in(&mut transaction, (0..100).map(|key| numbered(&key.to_string(), 0))).await.unwrap();
    transaction.commit().await.unwrap();
    let lines = |text: &str| {
        let log = std::fs::read_to_string(log.path()).unwrap();
        log.lines().filter(|line| line.contains("broker") && line.contains(text)).count()
    };
    wait::until("a line about the outage", || async { (0 < lines("cannot reach the")).then_some(()) }).await;
    wait::until("an outage that lasts", || async {
        (Duration::from_secs(6) < outbox.stats().await.ok()?.oldest_pending_age?).then_some(())
    })
    .await;
    network.lead_to(&brokers);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    wait::until("a line about its end", || async { (0 < lines("reached the")).then_some(()) }).await;
    relay.terminate();
    assert_eq!(relay.last_lines(), [""; 0], "it ends");
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!((lines("cannot reach the"), lines("reached the")), (1, 1), "{log}");
}

/// `KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS` is meant for callers that wait, and holds for the relay's producer too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_that_outlasts_the_producers_time_limit_burns_no_attempt() {
    let test = "an_outage_that_outlasts_the_producers_time_limit_burns_no_attempt";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let (network, prefix) = (FaultyNetwork::start().await, prefix());
    // Nobody listens there.
    network.lead_to("127.0.0.1:1");
    let hasty = marty_events::EventConfig::builder()
        .service_name("suite")
        .brokers(network.address())
        .topic_prefix(&prefix)
        .producer_property("message.timeout.ms", "500")
        .build()
        .unwrap();
    let publisher = EventPublisher::new(&config(&brokers, &prefix)).unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let relay = OutboxRelay::builder(&database.pool)
        .config(hasty)
        .lease_time(wait::patient(Duration::from_secs(1)))
        .max_attempts(1);
    let relay = RunningRelay::start(relay);
    let mut transaction = database.pool.begin().await.unwrap();
    let events = (0..40).map(|number| numbered(&(number % 4).to_string(), number / 4));
    publisher.publish_all_in(&mut transaction, events).await.unwrap();
    transaction.commit().await.unwrap();
    wait::until("an outage that lasts", || async {
        let age = outbox.stats().await.ok()?.oldest_pending_age?;
        (Duration::from_secs(4) < age).then_some(())
    })
    .await;
    assert!(outbox.pending(100).await.unwrap().iter().all(|event| event.attempts == 0), "an outage is no attempt");
    network.lead_to(&brokers);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
    let stats = outbox.stats().await.unwrap();
    assert_eq!((stats.dead, stats.published), (0, 40));
    let records = Reader::start(&brokers, &prefix).events(40).await;
    let mut seen = std::collections::HashSet::new();
    let mut next = [0; 4];
    for record in records.iter().filter(|record| seen.insert(record.id().map(str::to_owned))) {
        let key: usize = record.key.as_ref().unwrap().parse().unwrap();
        assert_eq!(record.value["payload"]["event_data"]["number"], next[key], "key {key}");
        next[key] += 1;
    }
}

/// The client's in-process cluster gives the answers that it is told to give.
#[tokio::test]
async fn a_relay_whose_client_can_send_nothing_more_goes_on_with_another() {
    let test = "a_relay_whose_client_can_send_nothing_more_goes_on_with_another";
    let Some(database) = TestDatabase::create(test).await else { return };
    let cluster = MockCluster::new(1).unwrap();
    let config = config(&cluster.bootstrap_servers(), &prefix());
    let publisher = EventPublisher::new(&config).unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let lines = Lines::default();
    let relay = OutboxRelay::builder(&database.pool).config(config);
    let relay = RunningRelay::start_under(relay, lines.of(LevelFilter::INFO));
    let delivered = async |events: u64| {
        wait::until("what was written", || async {
            let stats = outbox.stats().await.ok()?;
            (stats.published == events && stats.pending == 0).then_some(())
        })
        .await;
    };
    let write = async |number: usize| {
        let mut transaction = database.pool.begin().await.unwrap();
        publisher.publish_all_in(&mut transaction, (0..3).map(|key| numbered(&key.to_string(), number))).await.unwrap();
        transaction.commit().await.unwrap();
    };
    write(0).await;
    delivered(3).await;
    // A broker that lost count of this client's records.
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]);
    write(1).await;
    delivered(6).await;
    relay.stop().await;
    assert!(lines.text().contains("Fatal"), "{}", lines.text());
    assert_eq!(outbox.stats().await.unwrap().dead, 0);
}
