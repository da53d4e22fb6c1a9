//! A key with many events, of which several are under way together, and failures in the middle of them.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use marty_events::{DomainEvent, EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    logs::Lines,
    private_kafka::PrivateKafka,
    topics, wait,
};
use tracing::level_filters::LevelFilter;

use crate::support::{
    events::{failed_bundles, histories, numbered},
    service::{RunningRelay, Service, config},
};

/// More bytes than a topic of [`SMALL`] takes, and few enough for two of them in a bundle. A bundle of others fits.
const LARGE: usize = 180_000;
const SMALL: u32 = 170_000;

/// An event of a key with a topic of its own.
fn event(key: &'static str, number: i64, is_large: bool) -> DomainEvent {
    let filler = "x".repeat(if is_large { LARGE } else { 100 });
    DomainEvent::new("account", key, key).data(&serde_json::json!({"number": number, "filler": filler}))
}

async fn write(database: &TestDatabase, publisher: &EventPublisher, events: Vec<DomainEvent>) {
    let mut transaction = database.pool.begin().await.expect("a transaction");
    publisher.publish_all_in(&mut transaction, events).await.expect("the events are written");
    transaction.commit().await.expect("a commit");
}

/// The events of each key.
const EVENTS: i64 = 400;

/// Keys with a topic each, and the places of poison among a key's events. The first place is the first of a producer that the partition has
/// not heard of: its broker takes any batch of it afterwards.
const POISON: [(&str, &[i64]); 5] =
    [("first", &[0]), ("middle", &[60]), ("last", &[98]), ("second", &[149, 150]), ("several", &[10, 40])];

/// The events that no poison holds back.
fn before_poison() -> usize {
    POISON.iter().map(|(_, poison)| usize::try_from(poison[0]).expect("a place")).sum()
}

/// A poison event counts here if it was refused in a bundle in which successors followed it.
#[tokio::test]
async fn successors_of_a_poison_event_wait_wherever_it_is_among_events_that_go_together() {
    let test = "successors_of_a_poison_event_wait_wherever_it_is_among_events_that_go_together";
    let Some(service) = Service::start(test).await else { return };
    let brokers = service.publisher.bootstrap_servers().to_owned();
    let topic = |key: &str| format!("{}.suite.account.{key}", service.prefix);
    let mut first = HashMap::new();
    for (key, poison) in POISON {
        topics::create(&brokers, &topic(key), SMALL).await;
        let events = (0..EVENTS).map(|number| event(key, number, poison.contains(&number))).collect();
        write(&service.database, &service.publisher, events).await;
        let sql = "SELECT min(seq) FROM event_outbox WHERE ordering_key = $1";
        let seq: i64 = sqlx::query_scalar(sql)
            .bind(format!("account/{key}"))
            .fetch_one(&service.database.pool)
            .await
            .expect("the number of its first row");
        first.insert(key, seq);
    }
    write(&service.database, &service.publisher, (0..100).map(|number| numbered("other", number)).collect()).await;
    let (lines, keen) = (Lines::default(), service.relay().retry_delay(Duration::from_millis(20)).give_up(false));
    let relay = RunningRelay::start_under(keen, lines.of(LevelFilter::DEBUG));
    let sql = "SELECT count(*) FROM event_outbox WHERE 3 <= attempts";
    let refused = async || sqlx::query_scalar::<_, i64>(sql).fetch_one(&service.database.pool).await.ok();
    let keys = i64::try_from(POISON.len()).expect("a number");
    wait::until("refusals of each key", || async { (refused().await? == keys).then_some(()) }).await;
    service.reader.events(100 + before_poison()).await;
    let log = lines.text();
    for (key, poison) in POISON {
        let (failed, seq) = (failed_bundles(&log, &topic(key)), first[key] + poison[0]);
        assert!(failed.iter().any(|(first, last)| (*first..*last).contains(&seq)), "{key}: {seq} is not in {failed:?}");
    }
    let records = topics::records(&brokers, &service.prefix).await;
    assert_eq!(usize::try_from(records), Ok(100 + before_poison()), "a successor is there");
    for (key, _) in POISON {
        topics::widen(&brokers, &topic(key), 1_000_000).await;
    }
    let records = service.reader.events(POISON.len() * usize::try_from(EVENTS).expect("a number") + 100).await;
    relay.stop().await;
    let histories = histories(&records);
    for (key, _) in POISON {
        assert_eq!(histories[key], (0..EVENTS).collect::<Vec<_>>(), "{key}");
    }
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
    // The relay may have been done with the others.
    write(&database, &publisher, (5_000..10_000).map(|number| numbered("hot", number)).collect()).await;
    broker.restart().await;
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
    let (mut number, mut round, begin) = (0, 0, Instant::now());
    loop {
        let events = (number..number + 3_000).map(|number| numbered("hot", number)).collect();
        write(&service.database, &service.publisher, events).await;
        number += 3_000;
        topics::delete(&brokers, &topic).await;
        topics::create(&brokers, &topic, SMALL).await;
        round += 1;
        // The last topic has more than one event. The relay may have been done with this round before its topic went.
        if 3 <= round && 0 < outbox.stats().await.unwrap().pending {
            break;
        }
        wait::assert_within(begin, wait::DEADLINE * 3, "a topic made anew before the relay is done");
    }
    write(
        &service.database,
        &service.publisher,
        (number..number + 300).map(|number| numbered("hot", number)).collect(),
    )
    .await;
    number += 300;
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
