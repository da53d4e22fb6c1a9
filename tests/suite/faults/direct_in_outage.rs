//! The direct route while the broker is away: a Kafka of this test's own, killed and started again on the same port and data.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use marty_events::{
    AuditEvent, AuditEventType, EventConfig, EventError, EventPublisher, OutboxRelay, OutboxRepository,
};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    private_kafka::PrivateKafka,
    private_servers::Server,
    topics, wait,
};

use crate::support::{events::numbered, service::RunningRelay};

/// Far below the 10 s for which the Kafka client tries.
const AT_ONCE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_events_go_into_the_outbox_at_once_while_the_broker_is_away_and_keep_their_order() {
    let test = "direct_events_go_into_the_outbox_at_once_while_the_broker_is_away_and_keep_their_order";
    let Some(broker) = PrivateKafka::start(test).await else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let prefix = prefix();
    let config = EventConfig::builder().service_name("suite").brokers(&broker.bootstrap).topic_prefix(&prefix);
    let config = config.database_url(&database.url).build().unwrap();
    let publisher = EventPublisher::new(&config).unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let relay = OutboxRelay::builder(&database.pool).config(config).lease_time(Duration::from_mins(1));
    let relay = RunningRelay::start(relay);
    topics::make(&broker.bootstrap, &format!("{prefix}.suite.account.moved"), 1, &[]).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(publisher.publish(numbered("a-1", number)).await.unwrap());
    }
    // A broker that has just started may be too slow for one of them, which the relay brings then.
    wait::until("a broker that has them all", || async {
        let is_empty = outbox.stats().await.ok()?.pending == 0;
        (is_empty && publisher.broker_away_since().is_none()).then_some(())
    })
    .await;

    broker.kill();
    wait::until("the outage to be known", || async { publisher.broker_away_since() }).await;
    let begun = Instant::now();
    for number in 5..25 {
        ids.push(publisher.publish(numbered("a-1", number)).await.unwrap());
    }
    wait::assert_within(begun, AT_ONCE, "twenty events");
    assert_eq!(outbox.pending(100).await.unwrap().len(), 20);

    broker.restart().await;
    let mut number = 25;
    let begun = Instant::now();
    while publisher.broker_away_since().is_some() {
        wait::assert_within(begun, wait::DEADLINE, "the end of the outage");
        ids.push(publisher.publish(numbered("a-1", number)).await.unwrap());
        number += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for number in number..number + 20 {
        ids.push(publisher.publish(numbered("a-1", number)).await.unwrap());
    }
    let reader = Reader::start(&broker.bootstrap, &prefix);
    let records = reader.events(ids.len()).await;
    relay.stop().await;
    ids.push(publisher.publish(numbered("a-1", number + 20)).await.unwrap());
    assert_eq!(outbox.pending(9).await.unwrap(), [], "it goes to the broker again, once its key has left the outbox");
    let records = [records, vec![reader.events(ids.len()).await.pop().unwrap()]].concat();
    let mut seen = HashSet::new();
    let first = records.iter().filter_map(|record| record.id()).filter(|id| seen.insert((*id).to_owned()));
    let expected: Vec<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(first.collect::<Vec<_>>(), expected, "each under its id, none lost, in the order of publishing");
    assert_eq!(outbox.stats().await.unwrap().pending, 0);
}

#[tokio::test]
async fn a_publisher_finds_out_by_itself_and_whoever_waits_is_let_go() {
    let test = "a_publisher_finds_out_by_itself_and_whoever_waits_is_let_go";
    let Some(database) = TestDatabase::create(test).await else { return };
    // Nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = EventConfig::builder().service_name("suite").brokers(free.to_string());
    let publisher = EventPublisher::new(&config.clone().database_url(&database.url).build().unwrap()).unwrap();
    let exported = || AuditEvent::new(AuditEventType::DataExported, "export", "report").resource_id("r-1");
    for _ in 0..3 {
        let begun = Instant::now();
        publisher.publish(exported()).await.unwrap();
        wait::assert_within(begun, AT_ONCE, "an event");
    }
    assert!(publisher.broker_away_since().is_some());
    assert_eq!(OutboxRepository::new(&database.pool).pending(9).await.unwrap().len(), 3);

    // Without an outbox a short outage is waited out, and nobody waits for a long one.
    let without = config.producer_property("message.timeout.ms", "1000").build().unwrap();
    let without = EventPublisher::new(&without).unwrap();
    wait::until("more than the client's patience", || async {
        let since = without.broker_away_since()?;
        (Duration::from_secs(1) < jiff::Timestamp::now().duration_since(since).unsigned_abs()).then_some(())
    })
    .await;
    let begun = Instant::now();
    let refused = without.publish(exported()).await.unwrap_err();
    wait::assert_within(begun, Duration::from_millis(500), "the refusal");
    assert!(
        matches!(&refused, EventError::Delivery { connection: Some(said), .. } if said.contains("no broker has answered")),
        "{refused:?}"
    );
    assert!(refused.is_retryable());
}

#[tokio::test]
async fn a_publisher_without_a_relay_learns_by_asking_that_the_broker_is_back() {
    let test = "a_publisher_without_a_relay_learns_by_asking_that_the_broker_is_back";
    let Some(broker) = PrivateKafka::start(test).await else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let prefix = prefix();
    let config = EventConfig::builder().service_name("suite").brokers(&broker.bootstrap).topic_prefix(&prefix);
    let publisher = EventPublisher::new(&config.database_url(&database.url).build().unwrap()).unwrap();
    topics::make(&broker.bootstrap, &format!("{prefix}.suite.account.moved"), 1, &[]).await;
    publisher.publish(numbered("a-1", 0)).await.unwrap();
    broker.kill();
    wait::until("the outage to be known", || async { publisher.broker_away_since() }).await;
    publisher.publish(numbered("a-2", 0)).await.unwrap();
    broker.restart().await;
    wait::until("the outage to end", || async { publisher.broker_away_since().is_none().then_some(()) }).await;
    publisher.publish(numbered("a-3", 0)).await.unwrap();
    let records = Reader::start(&broker.bootstrap, &prefix).events(2).await;
    assert_eq!(
        records.iter().filter_map(|record| record.key.as_deref()).collect::<HashSet<_>>(),
        HashSet::from(["a-1", "a-3"])
    );
    assert_eq!(OutboxRepository::new(&database.pool).pending(9).await.unwrap().len(), 1, "it waits for a relay");
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_told_as_one() {
    let test = "a_topic_that_does_not_exist_is_told_as_one";
    let Some(broker) = PrivateKafka::start_as(test, Server::kafka_of_given_topics).await else { return };
    let prefix = prefix();
    let config = EventConfig::builder().service_name("suite").brokers(&broker.bootstrap).topic_prefix(&prefix);
    // The client has to learn of the topics in this time.
    let patience = wait::patient(Duration::from_secs(2)).as_millis().to_string();
    let config = config.producer_property("message.timeout.ms", patience).build().unwrap();
    let publisher = EventPublisher::new(&config).unwrap();
    let expected = format!("{prefix}.suite.account.moved");
    // A broker that has just started may not say it in one call's time.
    let error = wait::until("an unknown topic", || async {
        let error = publisher.publish(numbered("a-1", 1)).await.unwrap_err();
        assert!(matches!(&error, EventError::UnknownTopic { .. } | EventError::Delivery { .. }), "{error:?}");
        matches!(&error, EventError::UnknownTopic { topic, .. } if *topic == expected).then_some(error)
    })
    .await;
    assert!(error.to_string().contains(&expected) && !error.is_retryable(), "{error}");
    assert_eq!(publisher.broker_away_since(), None, "the broker is there");
}
