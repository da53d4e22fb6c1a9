//! The direct route.

use std::time::Duration;

use marty_events::{EventError, EventPublisher};
use marty_events_tests::{database::TestDatabase, kafka::prefix, servers, wait};

use crate::support::{
    events::exported,
    service::{RunningRelay, Service, config},
};

#[tokio::test]
async fn a_direct_event_is_in_kafka_when_publish_returns() {
    let Some(service) = Service::start("a_direct_event_is_in_kafka_when_publish_returns").await else { return };
    let id = service.publisher.publish(exported()).await.unwrap();
    let record = service.reader.events(1).await.remove(0);
    assert_eq!(record.topic, format!("{}.audit.events", service.prefix));
    assert_eq!(record.key.as_deref(), Some("r-1"));
    assert_eq!(record.id(), Some(id.to_string().as_str()));
}

#[tokio::test]
async fn a_direct_event_whose_caller_goes_away_is_seen_through_in_the_background() {
    let test = "a_direct_event_whose_caller_goes_away_is_seen_through_in_the_background";
    let Some(database) = TestDatabase::create(test).await else { return };
    let without_broker = marty_events::EventConfig::builder()
        .service_name("suite")
        .brokers("127.0.0.1:1")
        .database_url(&database.url)
        .producer_property("message.timeout.ms", "1000")
        .build()
        .unwrap();
    let publisher = EventPublisher::new(&without_broker).unwrap();
    // Polled once, then dropped.
    futures_util::FutureExt::now_or_never(publisher.publish(exported()));
    let outbox = marty_events::OutboxRepository::new(&database.pool);
    let kept = wait::until("the event in the outbox", || async { outbox.pending(2).await.ok()?.pop() }).await;
    assert_eq!(kept.key.as_deref(), Some("r-1"));
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error_within_the_time_limit() {
    let config = marty_events::EventConfig::builder()
        .service_name("suite")
        .brokers("127.0.0.1:1")
        .producer_property("message.timeout.ms", "500")
        .build()
        .unwrap();
    let publisher = EventPublisher::new(&config).unwrap();
    let error = publisher.publish(exported()).await.unwrap_err();
    assert!(matches!(&error, EventError::Delivery { topic, .. } if topic == "marty.audit.events"), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_direct_event_that_kafka_did_not_take_is_kept_in_the_outbox_and_relayed_later() {
    let test = "a_direct_event_that_kafka_did_not_take_is_kept_in_the_outbox_and_relayed_later";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let prefix = prefix();
    let without_broker = marty_events::EventConfig::builder()
        .service_name("suite")
        .brokers("127.0.0.1:1")
        .topic_prefix(&prefix)
        .database_url(&database.url)
        .producer_property("message.timeout.ms", "500")
        .build()
        .unwrap();
    let publisher = EventPublisher::new(&without_broker).unwrap();
    let id = publisher.publish(exported()).await.unwrap();
    let reader = marty_events_tests::kafka::Reader::start(&brokers, &prefix);
    let relay = marty_events::OutboxRelay::builder(&database.pool).config(config(&brokers, &prefix));
    let relay = RunningRelay::start(relay);
    assert_eq!(reader.events(1).await[0].id(), Some(id.to_string().as_str()));
    relay.stop().await;
}

#[tokio::test]
async fn what_a_full_queue_does_not_take_is_kept_or_reported_at_once() {
    let test = "what_a_full_queue_does_not_take_is_kept_or_reported_at_once";
    let Some(database) = TestDatabase::create(test).await else { return };
    // Nobody is told there that no broker answers, so that the client goes on trying.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_address = silent.local_addr().unwrap().to_string();
    let config = || {
        marty_events::EventConfig::builder()
            .service_name("suite")
            .brokers(&silent_address)
            .producer_property("queue.buffering.max.messages", "10")
            .producer_property("message.timeout.ms", "3000")
    };
    let all = |publisher: EventPublisher, count: usize| async move {
        let sends = (0..count).map(|_| publisher.publish(exported()));
        futures_util::future::join_all(sends).await
    };
    let begin = std::time::Instant::now();
    let refused = all(EventPublisher::new(&config().build().unwrap()).unwrap(), 50).await;
    wait::assert_within(begin, Duration::from_secs(10), "the refusals");
    let full =
        refused.iter().filter(|answer| answer.as_ref().is_err_and(|error| format!("{error:?}").contains("QueueFull")));
    assert_eq!(full.count(), 40);
    assert!(refused.iter().all(|answer| answer.as_ref().is_err_and(EventError::is_retryable)), "{refused:?}");

    let keeping = config().database_url(&database.url).build().unwrap();
    // Each has 5 s for the outbox, all in the same moment: no more than some connections can take on a slow disk.
    let kept = all(EventPublisher::new(&keeping).unwrap(), 14).await;
    let mut ids: Vec<_> = kept.into_iter().map(|answer| answer.expect("it is kept")).collect();
    let pending = marty_events::OutboxRepository::new(&database.pool).pending(100).await.unwrap();
    let mut in_the_outbox: Vec<_> = pending.iter().map(|event| event.event_id).collect();
    ids.sort_unstable();
    in_the_outbox.sort_unstable();
    assert_eq!(in_the_outbox, ids);
}
