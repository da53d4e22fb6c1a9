//! Tests of the events, on a database that `sqlx::test` makes for each of them.

use marty_events::{OutboxRepository, testing::{EventRecorder, Route}};
use sqlx::PgPool;
use {{crate_name}}::users::{AppError, sign_up};

/// The recorder takes the events in place of the outbox.
#[sqlx::test]
async fn a_new_user_is_an_event_and_a_record(pool: PgPool) -> Result<(), AppError> {
    let recorder = EventRecorder::new();
    let id = recorder.scope(sign_up(&pool, "ada@example.com")).await?;
    recorder
        .assert_published("user_created")
        .key(&id.to_string())
        .route(Route::Outbox)
        .payload("/event_data/email", "ada@example.com")
        .times(1);
    recorder.assert_published("data.created").times(1);
    Ok(())
}

/// The events go with the transaction: no row is left of a user who was refused.
#[sqlx::test]
async fn a_refused_user_leaves_no_event(pool: PgPool) -> Result<(), Box<dyn std::error::Error>> {
    marty_events::outbox::migrate(&pool).await?;
    let config = marty_events::EventConfig::builder().service_name("users").brokers("localhost:9092").build()?;
    let events = marty_events::init_with(config).await?; // once in a process; the broker is not asked
    let outbox = OutboxRepository::new(&pool);

    assert!(matches!(sign_up(&pool, "nowhere").await, Err(AppError::Invalid(_))));
    assert_eq!(outbox.stats().await?.pending, 0);
    sign_up(&pool, "ada@example.com").await?;
    assert_eq!(outbox.stats().await?.pending, 2);

    events.shutdown().await?;
    Ok(())
}
