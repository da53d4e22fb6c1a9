//! A refusal by the database is told from a fault that keeps it from working.

use std::time::Duration;

use marty_events::{EventError, EventPublisher, OutboxRepository, outbox::migrate};
use marty_events_tests::{logs::Lines, mariadb::MariaDatabase, wait};
use sqlx::sqlite::SqlitePoolOptions;
use tracing::level_filters::LevelFilter;

use crate::support::{
    events::numbered,
    service::{RunningRelay, Service, config},
};

fn assert_refused<T: std::fmt::Debug>(answer: Result<T, EventError>) {
    let error = answer.expect_err("it is refused");
    assert!(matches!(error, EventError::OutboxRefused { .. }) && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_refusal_is_told_from_an_outage() {
    let Some(service) = Service::start("a_refusal_is_told_from_an_outage").await else { return };
    let pool = &service.database.pool;
    let run = async |sql: &'static str| sqlx::raw_sql(sql).execute(pool).await.map(drop).unwrap();
    run("ALTER TABLE event_outbox ADD CONSTRAINT short CHECK (length(topic) < 3)").await;
    let mut transaction = pool.begin().await.unwrap();
    assert_refused(service.publisher.publish_in(&mut transaction, numbered("k", 0)).await);
    transaction.rollback().await.unwrap();

    run("ALTER TABLE event_outbox DROP CONSTRAINT short; ALTER TABLE event_outbox_relays ADD CONSTRAINT odd CHECK (lease < 0)")
        .await;
    let lines = Lines::default();
    // A heartbeat that takes half the lease would be an outage.
    let relay = service.relay().lease_time(Duration::from_mins(1));
    let relay = RunningRelay::start_under(relay, lines.of(LevelFilter::INFO));
    let told = async |text: &str| {
        wait::until(text, || async { lines.text().contains(text).then_some(()) }).await;
    };
    told("refuses what it is asked").await;
    run("ALTER TABLE event_outbox_relays DROP CONSTRAINT odd").await;
    told("reached the").await;
    let mut transaction = pool.begin().await.unwrap();
    service.publisher.publish_in(&mut transaction, numbered("k", 1)).await.unwrap();
    transaction.commit().await.unwrap();
    service.reader.events(1).await;
    relay.stop().await;
    let lines = lines.text();
    // A broker that is slow to answer is not what this is about.
    let mut outages = lines.lines().filter(|line| line.contains("cannot reach the") && !line.contains("the broker"));
    assert_eq!(outages.next(), None, "{lines}");
}

#[tokio::test]
async fn a_value_that_mariadb_cannot_keep_is_refused() {
    let Some(database) = MariaDatabase::create("a_value_that_mariadb_cannot_keep_is_refused").await else { return };
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    sqlx::raw_sql("ALTER TABLE event_outbox MODIFY event_type VARCHAR(2) NOT NULL")
        .execute(&database.pool)
        .await
        .unwrap();
    let mut transaction = database.pool.begin().await.unwrap();
    assert_refused(publisher.publish_in(&mut transaction, numbered("k", 0)).await);
}

#[tokio::test]
async fn a_value_that_sqlite_cannot_keep_is_refused() {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    migrate(&pool).await.unwrap();
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    sqlx::raw_sql("CREATE TRIGGER refuse BEFORE INSERT ON event_outbox BEGIN SELECT RAISE(ABORT, 'no'); END")
        .execute(&pool)
        .await
        .unwrap();
    let mut transaction = pool.begin().await.unwrap();
    assert_refused(publisher.publish_in(&mut transaction, numbered("k", 0)).await);
    transaction.rollback().await.unwrap();
    assert_eq!(OutboxRepository::new(&pool).stats().await.unwrap().pending, 0);
}
