//! A broker that goes away and comes back: a Kafka of this test's own, killed and started again on the same port and data.

use std::time::Duration;

use marty_events::{DomainEvent, EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    own::Server,
    servers, wait,
};

use crate::setup::{RunningRelay, config};

fn moved(key: usize, number: usize) -> DomainEvent {
    DomainEvent::new("account", key, "moved").data(&serde_json::json!({"number": number})).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_outage_burns_no_attempts_loses_nothing_and_keeps_the_order() {
    let test = "a_broker_outage_burns_no_attempts_loses_nothing_and_keeps_the_order";
    if servers::kafka(test).is_none() {
        return;
    }
    let Some(database) = TestDatabase::create(test).await else { return };
    let (broker, bootstrap) = tokio::task::spawn_blocking(Server::kafka).await.unwrap();
    let prefix = prefix();
    let config = config(&bootstrap, &prefix);
    let publisher = EventPublisher::unregistered(&config).unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let relay = OutboxRelay::builder(&database.pool).config(config).lease_time(Duration::from_secs(2));
    let relay = RunningRelay::start(relay);
    let write = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let mut transaction = database.pool.begin().await.unwrap();
            publisher.publish_all_in(&mut transaction, (0..10).map(|key| moved(key, number))).await.unwrap();
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

    let again = tokio::task::spawn_blocking(move || (broker.up(), broker)).await.unwrap();
    assert_eq!(again.0, bootstrap, "on the same port");
    let reader = Reader::start(&bootstrap, &prefix);
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
