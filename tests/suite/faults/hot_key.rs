//! A key with many events, of which several are under way together, and failures in the middle of them.

use std::time::Duration;

use marty_events::{DomainEvent, EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    private_kafka::PrivateKafka,
    topics, wait,
};

use crate::support::{
    events::{histories, numbered},
    service::{RunningRelay, Service, config},
};

/// More bytes than a topic of [`SMALL`] takes.
const LARGE: usize = 300_000;
const SMALL: u32 = 200_000;

fn event(number: usize, is_large: bool) -> DomainEvent {
    let filler = "x".repeat(if is_large { LARGE } else { 100 });
    DomainEvent::new("account", "hot", "moved").data(&serde_json::json!({"number": number, "filler": filler}))
}

async fn write(database: &TestDatabase, publisher: &EventPublisher, events: Vec<DomainEvent>) {
    let mut transaction = database.pool.begin().await.expect("a transaction");
    publisher.publish_all_in(&mut transaction, events).await.expect("the events are written");
    transaction.commit().await.expect("a commit");
}

/// The first one is the first of a producer that the partition has not heard of: its broker takes any batch of it afterwards.
#[tokio::test]
async fn successors_of_a_poison_event_wait_wherever_it_is_among_events_that_go_together() {
    let test = "successors_of_a_poison_event_wait_wherever_it_is_among_events_that_go_together";
    let Some(service) = Service::start(test).await else { return };
    let brokers = service.publisher.bootstrap_servers().to_owned();
    let topic = format!("{}.suite.account.moved", service.prefix);
    topics::create(&brokers, &topic, SMALL).await;
    let poison = [0, 60, 149, 150, 280];
    let events = (0..400).map(|number| event(number, poison.contains(&number))).collect();
    write(&service.database, &service.publisher, events).await;
    write(&service.database, &service.publisher, (0..100).map(|number| numbered("other", number)).collect()).await;
    let keen = service.relay().retry_delay(Duration::from_millis(20)).give_up(false);
    let relay = RunningRelay::start(keen);
    let outbox = OutboxRepository::new(&service.database.pool);
    let refused = async || outbox.pending(1).await.ok()?.first().map(|event| event.attempts);
    wait::until("refusals", || async { (3 <= refused().await?).then_some(()) }).await;
    service.reader.events(100).await;
    topics::widen(&brokers, &topic, 1_000_000).await;
    let records = service.reader.events(500).await;
    relay.stop().await;
    let histories = histories(&records);
    assert_eq!(histories["hot"], (0..400).collect::<Vec<_>>());
    assert_eq!(histories["other"], (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_killed_under_a_hot_key_costs_neither_events_nor_order() {
    let test = "a_broker_killed_under_a_hot_key_costs_neither_events_nor_order";
    let Some(broker) = PrivateKafka::start(test).await else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let prefix = prefix();
    let config = config(&broker.bootstrap, &prefix);
    let publisher = EventPublisher::new(&config).unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    write(&database, &publisher, (0..5_000).map(|number| numbered("hot", number)).collect()).await;
    let relay = OutboxRelay::builder(&database.pool).config(config).lease_time(wait::patient(Duration::from_secs(2)));
    let relay = RunningRelay::start(relay);
    wait::until("a part of it", || async { (outbox.stats().await.ok()?.pending < 4_900).then_some(()) }).await;
    broker.kill();
    broker.restart().await;
    write(&database, &publisher, (5_000..10_000).map(|number| numbered("hot", number)).collect()).await;
    let reader = Reader::start(&broker.bootstrap, &prefix);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    let records = reader.events(10_000).await;
    relay.stop().await;
    assert_eq!(histories(&records)["hot"], (0..10_000).collect::<Vec<_>>());
}

/// The new topic knows nothing of the producer.
#[tokio::test]
async fn a_topic_made_anew_under_a_hot_key_has_no_gap_in_its_order() {
    let Some(service) = Service::start("a_topic_made_anew_under_a_hot_key_has_no_gap_in_its_order").await else {
        return;
    };
    let brokers = service.publisher.bootstrap_servers().to_owned();
    let topic = format!("{}.suite.account.moved", service.prefix);
    topics::create(&brokers, &topic, SMALL).await;
    let relay = service.run_relay();
    let outbox = OutboxRepository::new(&service.database.pool);
    let mut number = 0;
    for _ in 0..3 {
        let events = (number..number + 3_000).map(|number| numbered("hot", number)).collect();
        write(&service.database, &service.publisher, events).await;
        number += 3_000;
        topics::delete(&brokers, &topic).await;
        topics::create(&brokers, &topic, SMALL).await;
    }
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
    // It reads the last topic alone.
    let reader = Reader::start(&brokers, &service.prefix);
    let last = i64::try_from(number).unwrap() - 1;
    let history = wait::until("the last event", || async {
        let mut histories = histories(&reader.records());
        histories.remove("hot").filter(|history| history.last() == Some(&last))
    })
    .await;
    assert!(history.windows(2).all(|pair| pair[1] == pair[0] + 1), "{history:?}");
}
