//! A service in a build that has an outbox and no Kafka client.

use std::{sync::Arc, time::Duration};

use sqlx::SqlitePool;

use super::{EventPublisher, EventsGuard, Sink, live::Live};
use crate::{
    AuditEvent, AuditEventType, DomainEvent, EventConfig, EventError, OutboxRepository, config::EventConfigBuilder,
};

fn login() -> AuditEvent {
    AuditEvent::new(AuditEventType::UserLogin, "login", "account").resource_id("a-1")
}

fn users() -> EventConfigBuilder {
    EventConfig::builder().service_name("users")
}

fn publisher(config: EventConfigBuilder) -> (EventPublisher, Arc<Live>) {
    let live = Arc::new(Live::new(&config.build().expect("a configuration")).expect("a publisher"));
    (EventPublisher(Sink::Live(live.clone())), live)
}

/// A database with an outbox, in a file.
async fn database() -> (tempfile::TempDir, String, SqlitePool) {
    let folder = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("db").display());
    let pool = SqlitePool::connect(&url).await.expect("a database");
    crate::outbox::migrate(&pool).await.expect("the outbox");
    (folder, url, pool)
}

async fn kept(pool: &SqlitePool) -> Vec<String> {
    let events = OutboxRepository::new(pool).pending(100).await.expect("the outbox");
    events.into_iter().map(|event| event.event_type).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_kafka_client_the_outbox_keeps_direct_events_and_those_of_transactions() {
    let (_folder, url, pool) = database().await;
    let (publisher, live) = publisher(users().database_url(&url));
    publisher.publish(login()).await.expect("it is kept");
    let mut transaction = pool.begin().await.expect("a transaction");
    let created = DomainEvent::new("user", "user-1", "user_created");
    publisher.publish_in(&mut transaction, created.clone()).await.expect("it is written");
    transaction.commit().await.expect("a commit");
    let mut transaction = pool.begin().await.expect("a transaction");
    publisher.publish_in(&mut transaction, created).await.expect("it is written");
    transaction.rollback().await.expect("a rollback");
    assert_eq!(kept(&pool).await, ["user.login", "user_created"]);
    EventsGuard::of(live, Duration::from_secs(20)).shutdown().await.expect("nothing is outstanding");
    assert!(matches!(publisher.publish(login()).await, Err(EventError::ShutDown)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_for_the_outbox_where_the_caller_has_given_up() {
    let (_folder, url, pool) = database().await;
    let (publisher, live) = publisher(users().database_url(&url));
    let locking = pool.begin_with("BEGIN IMMEDIATE").await.expect("the one writer");
    let given_up = tokio::time::timeout(Duration::from_millis(200), publisher.publish(login())).await;
    assert!(given_up.is_err(), "the outbox is locked");
    locking.rollback().await.expect("an end");
    EventsGuard::of(live, Duration::from_secs(20)).shutdown().await.expect("nothing is outstanding");
    assert_eq!(kept(&pool).await, ["user.login"]);
}

#[tokio::test]
async fn without_the_kafka_client_and_an_outbox_a_direct_event_is_refused() {
    let (publisher, live) = publisher(users());
    let refused = publisher.publish(login()).await;
    let Err(error @ EventError::NoKafkaClient { .. }) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("the `kafka` feature of marty-events"), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(live.outstanding.len(), 0);
}

#[tokio::test]
async fn without_the_kafka_client_an_outbox_out_of_reach_is_the_error() {
    let (publisher, _live) = publisher(users().database_url("sqlite:///nowhere/at/all/db"));
    let refused = publisher.publish(login()).await;
    assert!(matches!(refused, Err(EventError::Outbox { .. } | EventError::OutboxRefused { .. })), "{refused:?}");
}

#[test]
fn without_the_kafka_client_its_variables_are_checked_as_far_as_that_goes() {
    let faults = |config: EventConfigBuilder| match config.build() {
        Ok(_) => Vec::new(),
        Err(error) => error.faults().iter().map(|fault| fault.variable.clone()).collect(),
    };
    let relays = users().security_protocol("sasl_ssl").sasl("SCRAM-SHA-512", "me", "hunter2");
    assert_eq!(faults(relays.producer_property("linger.ms", "5")), [""; 0]);
    assert_eq!(faults(users().producer_property("acks", "1")), ["KAFKA_PRODUCER_ACKS"]);
    assert_eq!(faults(users().brokers("nowhere")), ["KAFKA_BROKERS"]);
    assert_eq!(faults(users().embedded()), ["KAFKA_BROKERS"]);
    assert_eq!(faults(users().security_protocol("sasl_ssl")), ["KAFKA_SASL_MECHANISM"]);
    assert_eq!(faults(users().use_outbox_pattern(false).allow_dual_write(true)), ["USE_OUTBOX_PATTERN"]);
}
