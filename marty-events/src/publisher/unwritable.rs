//! A value that serde cannot write: each builder keeps it, and each way of publishing refuses the event.

use std::{error::Error as _, sync::Arc};

use serde::{Serialize, Serializer, ser::Error as _};
use sqlx::{Sqlite, SqlitePool};

use super::{EventPublisher, Sink, live::Live, record_direct};
use crate::{
    AuditEvent, AuditEventType, CustomEvent, DomainEvent, Event, EventConfig, EventError, NotificationEvent,
    NotificationEventType, OutboxRepository,
};

/// The text of its fault stands for data of the service.
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("card 4929"))
    }
}

fn audit() -> AuditEvent {
    AuditEvent::new(AuditEventType::DataCreated, "create", "user")
}

fn moved() -> DomainEvent {
    DomainEvent::new("account", "a-1", "moved")
}

fn faulty() -> Vec<(&'static str, Event)> {
    let told = NotificationEvent::new(NotificationEventType::UserWelcome, "user", ["1"]);
    vec![
        ("operation_details", audit().data(&Unwritable).into()),
        ("previous_state", audit().previous_state(&Unwritable).into()),
        ("new_state", audit().new_state(&Unwritable).into()),
        ("security_context", audit().security_context(&Unwritable).into()),
        ("event_data", moved().data(&Unwritable).into()),
        ("business_context", moved().business_context(&Unwritable).into()),
        ("template_variables", told.data(&Unwritable).into()),
        ("payload", CustomEvent::new("t", "e").data(&Unwritable).into()),
    ]
}

fn check(error: &EventError, expected: &str, event_type: &str) {
    let EventError::Serialize { field, source } = error else { panic!("{error:?}") };
    assert_eq!(field, expected);
    assert_eq!(source.to_string(), format!("card 4929 (event `{event_type}`)"));
    assert!(error.source().is_some() && !error.is_retryable());
}

fn publisher() -> (EventPublisher, Arc<Live>) {
    let config = EventConfig::builder().service_name("users").brokers("127.0.0.1:1").build().expect("a configuration");
    let live = Arc::new(Live::new(&config).expect("a publisher"));
    (EventPublisher(Sink::Live(live.clone())), live)
}

async fn outbox() -> SqlitePool {
    let options = sqlx::pool::PoolOptions::<Sqlite>::new().max_connections(1);
    let pool = options.connect("sqlite::memory:").await.expect("a database");
    crate::outbox::migrate(&pool).await.expect("the outbox");
    pool
}

#[tokio::test]
async fn an_event_with_an_unwritable_value_is_neither_sent_nor_written() {
    let (publisher, live) = publisher();
    let pool = outbox().await;
    for (field, event) in faulty() {
        let event_type = event.event_type().to_owned();
        check(&publisher.publish(event.clone()).await.expect_err("refused"), field, &event_type);
        assert_eq!(live.outstanding.len(), 0, "a refused event was accepted");
        let mut tx = pool.begin().await.expect("a transaction");
        check(&publisher.publish_in(&mut tx, event).await.expect_err("refused"), field, &event_type);
        tx.commit().await.expect("a commit");
    }
    assert_eq!(OutboxRepository::new(&pool).stats().await.expect("the outbox").pending, 0);
}

#[tokio::test]
async fn one_unwritable_event_of_many_keeps_them_all_out_and_is_named() {
    let (publisher, _) = publisher();
    let pool = outbox().await;
    let mut tx = pool.begin().await.expect("a transaction");
    let events: Vec<Event> = vec![moved().into(), audit().data(&Unwritable).into(), CustomEvent::new("t", "e").into()];
    let error = publisher.publish_all_in(&mut tx, events).await.expect_err("refused");
    check(&error, "operation_details", "data.created");
    tx.commit().await.expect("a commit");
    assert_eq!(OutboxRepository::new(&pool).stats().await.expect("the outbox").pending, 0);
}

#[test]
fn a_later_value_takes_the_place_of_an_unwritable_one() {
    assert!(Event::from(moved().data(&Unwritable).data("fine")).unwritable().is_none());
}

#[test]
fn debug_tells_of_the_fault_and_not_its_text() {
    for (_, event) in faulty() {
        let shown = format!("{event:?}");
        assert!(shown.contains("a value that cannot be written as JSON") && !shown.contains("4929"), "{shown}");
    }
}

#[tokio::test]
async fn a_recorder_and_an_outbox_refuse_as_the_publisher_does() {
    let recorder = crate::testing::EventRecorder::new();
    let pool = outbox().await;
    for (field, event) in faulty() {
        let event_type = event.event_type().to_owned();
        let published = recorder.scope(async { crate::publisher()?.publish(event.clone()).await }).await;
        check(&published.expect_err("refused"), field, &event_type);
        let enqueued = recorder.scope(OutboxRepository::new(&pool).enqueue(event.clone())).await;
        check(&enqueued.expect_err("refused"), field, &event_type);
        let answers = recorder.scope(record_direct(vec![event, moved().into()])).await.expect("a recorder");
        assert!(matches!(&answers[..], [Err(EventError::Serialize { .. }), Ok(())]), "{answers:?}");
    }
    assert_eq!(recorder.events().len(), faulty().len(), "the good events beside them");
    assert_eq!(OutboxRepository::new(&pool).stats().await.expect("the outbox").pending, 0);
}
