//! Tests of the events that a service publishes.

use examples_common::Database;
use marty_events::{
    EventConfig, OutboxRepository,
    testing::{EventRecorder, Route},
};
use testing::{SubscriptionError, cancel};

async fn database() -> Database {
    let database = Database::create().await.expect("a database");
    let table = "CREATE TABLE subscriptions (
        id INTEGER PRIMARY KEY, ended BOOLEAN NOT NULL DEFAULT false, told BOOLEAN NOT NULL DEFAULT false
    )";
    sqlx::query(table).execute(&database.pool).await.expect("a table");
    sqlx::query("INSERT INTO subscriptions (id) VALUES (7)").execute(&database.pool).await.expect("a subscription");
    database
}

/// The event, its key, its route and its data: no broker, no outbox, no `init`.
#[tokio::test]
async fn a_cancelled_subscription_is_an_event_and_a_notification() {
    let database = database().await;
    let recorder = EventRecorder::new().service_name("billing");
    recorder.scope(cancel(&database.pool, 7, "user-1")).await.expect("it is cancelled");
    recorder
        .assert_published("subscription_ended")
        .topic("marty.billing.subscription.subscription_ended")
        .key("7")
        .route(Route::Outbox)
        .payload("/event_data/reason", "cancelled")
        .times(1);
    recorder.assert_published("subscription.ended").key("user-1").payload("/subject", "Subscription 7 has ended");
    assert_eq!(recorder.events().len(), 2);
}

/// A failure publishes its record, apart from the transaction, and nothing else.
#[tokio::test]
async fn a_second_cancellation_is_recorded_as_a_failure() {
    let database = database().await;
    EventRecorder::new().scope(cancel(&database.pool, 7, "user-1")).await.expect("it is cancelled");
    let recorder = EventRecorder::new();
    let error = recorder.scope(cancel(&database.pool, 7, "user-1")).await.expect_err("it has ended");
    assert!(matches!(error, SubscriptionError::Ended(7)));
    recorder.assert_not_published("subscription_ended");
    recorder
        .assert_published("data.updated")
        .route(Route::Direct)
        .payload("/outcome", "failure")
        .payload("/error_message", "subscription 7 has ended")
        .times(1);
}

/// That the event is part of the transaction, shown once with a real outbox: this test needs `init`, and a database with the tables.
#[tokio::test]
async fn the_event_is_in_the_outbox_if_and_only_if_the_transaction_committed() {
    let database = database().await;
    marty_events::outbox::migrate(&database.pool).await.expect("the tables");
    // Nobody listens there: nothing of this is sent before a relay runs.
    let config = EventConfig::builder().service_name("billing").brokers("localhost:1").build().expect("valid");
    let events = marty_events::init_with(config).await.expect("a publisher");
    let outbox = OutboxRepository::new(&database.pool);

    cancel(&database.pool, 7, "user-1").await.expect("it is cancelled");
    let types: Vec<_> =
        outbox.pending(10).await.expect("the outbox").into_iter().map(|event| event.event_type).collect();
    assert_eq!(types, ["subscription_ended", "subscription.ended"]);

    sqlx::query("UPDATE subscriptions SET ended = false").execute(&database.pool).await.expect("once more");
    sqlx::query("ALTER TABLE subscriptions DROP COLUMN told").execute(&database.pool).await.expect("a fault");
    cancel(&database.pool, 7, "user-1").await.expect_err("the second statement of its transaction fails");
    assert_eq!(outbox.stats().await.expect("the outbox").pending, 2, "the first one's event went with it");
    drop(events);
}

/// The README lists these tests.
#[test]
fn the_readme_lists_these_tests() {
    let program = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(program).arg("--list").output().expect("it can be started");
    let listed = String::from_utf8(output.stdout).expect("UTF-8");
    let mut names: Vec<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    names.sort_unstable();
    let readme = include_str!("../README.md");
    let mut shown: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... ok")).collect();
    shown.sort_unstable();
    assert_eq!(shown, names);
}
