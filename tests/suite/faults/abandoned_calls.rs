//! Direct events whose callers give up, at any moment: each is in the outbox or in Kafka, and none is lost.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use marty_events::{AuditEvent, AuditEventType, EventConfig, EventError, EventPublisher, OutboxRepository};
use marty_events_tests::{database::TestDatabase, servers, topics, wait};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::service::Service;

fn exported(id: usize) -> AuditEvent {
    AuditEvent::new(AuditEventType::DataExported, "export", "report").resource_id(id)
}

/// A publisher that no broker answers, with an outbox for the events that the broker does not take.
fn without_broker(database: &TestDatabase, message_timeout: &str) -> EventPublisher {
    let config = EventConfig::builder()
        .service_name("suite")
        .brokers("127.0.0.1:1")
        .database_url(&database.url)
        .producer_property("message.timeout.ms", message_timeout);
    EventPublisher::new(&config.build().expect("a configuration")).expect("a publisher")
}

/// The keys of everything in the outbox, once there are `count` of them.
async fn kept(database: &TestDatabase, count: usize) -> Vec<String> {
    let outbox = OutboxRepository::new(&database.pool);
    let keys = async || {
        let kept = outbox.pending(1000).await.ok()?;
        Some(kept.into_iter().filter_map(|event| event.key).collect::<Vec<_>>())
    };
    let mut keys =
        wait::until("the events in the outbox", || async { keys().await.filter(|keys| count <= keys.len()) }).await;
    keys.sort_unstable();
    keys
}

/// Polls `publishing` this many times at the most, and drops it; answers its answer if there was one before.
async fn polled(publishing: impl Future<Output = Result<Uuid, EventError>>, polls: usize) -> Option<()> {
    let mut publishing = pin!(publishing);
    let mut polled = 0;
    poll_fn(|context| {
        polled += 1;
        match publishing.as_mut().poll(context) {
            Poll::Ready(answer) => {
                answer.expect("kept or delivered");
                Poll::Ready(Some(()))
            }
            Poll::Pending if polls <= polled => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_caller_that_gives_up_while_the_outbox_keeps_its_event_leaves_it_kept() {
    let test = "a_caller_that_gives_up_while_the_outbox_keeps_its_event_leaves_it_kept";
    let Some(database) = TestDatabase::create(test).await else { return };
    let publisher = without_broker(&database, "500");
    let mut locking = database.pool.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE event_outbox").execute(&mut *locking).await.unwrap();
    let given_up = timeout(Duration::from_millis(1500), publisher.publish(exported(1))).await;
    assert!(given_up.is_err(), "the outbox is locked: {given_up:?}");
    locking.rollback().await.unwrap();
    assert_eq!(kept(&database, 1).await, ["1"]);
}

#[tokio::test]
async fn a_lock_that_outlasts_what_a_caller_waits_for_costs_no_event_whose_caller_gave_up() {
    let test = "a_lock_that_outlasts_what_a_caller_waits_for_costs_no_event_whose_caller_gave_up";
    let Some(database) = TestDatabase::create(test).await else { return };
    let publisher = without_broker(&database, "500");
    let mut locking = database.pool.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE event_outbox").execute(&mut *locking).await.unwrap();
    let begin = Instant::now();
    let (given_up, refused) =
        tokio::join!(timeout(Duration::from_secs(2), publisher.publish(exported(1))), publisher.publish(exported(2)));
    assert!(given_up.is_err(), "the outbox is locked: {given_up:?}");
    assert!(matches!(refused, Err(EventError::Delivery { .. })), "{refused:?}");
    wait::assert_within(begin, Duration::from_secs(9), "the refusal");
    locking.rollback().await.unwrap();
    // The other caller was told that its event is not kept.
    assert_eq!(kept(&database, 1).await, ["1"]);
}

#[tokio::test]
async fn at_whatever_poll_a_caller_gives_up_its_event_is_kept_once() {
    let test = "at_whatever_poll_a_caller_gives_up_its_event_is_kept_once";
    let Some(database) = TestDatabase::create(test).await else { return };
    let publisher = without_broker(&database, "200");
    drop(publisher.publish(exported(0)));
    let mut polls = 1;
    while polled(publisher.publish(exported(polls)), polls).await.is_none() {
        polls += 1;
    }
    let mut all: Vec<_> = (1..=polls).map(|polls| polls.to_string()).collect();
    all.sort_unstable();
    assert_eq!(kept(&database, polls).await, all, "a future that was never polled has done nothing");
}

#[tokio::test]
async fn at_whatever_poll_a_caller_gives_up_its_event_is_delivered_once() {
    let test = "at_whatever_poll_a_caller_gives_up_its_event_is_delivered_once";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(service) = Service::start(test).await else { return };
    topics::create(&brokers, &format!("{}.audit.events", service.prefix), 1_000_000).await;
    let mut polls = 1;
    while polled(service.publisher.publish(exported(polls)), polls).await.is_none() {
        polls += 1;
    }
    // In one partition, behind all the others.
    service.publisher.publish(exported(polls + 1)).await.unwrap();
    let mut records = service.reader.events(polls + 1).await;
    records.sort_by_key(|record| record.place);
    records.dedup_by_key(|record| record.place);
    let keys: Vec<_> = records.into_iter().filter_map(|record| record.key).collect();
    assert_eq!(keys, (1..=polls + 1).map(|key| key.to_string()).collect::<Vec<_>>());
}
