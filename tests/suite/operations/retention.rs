//! Delivered events and dead letters, which are kept for a time and then deleted.

use std::time::Duration;

use marty_events::OutboxRepository;
use marty_events_tests::wait;
use sqlx::AssertSqlSafe;

use crate::support::{
    events::numbered,
    service::{RunningRelay, Service, count},
};

#[tokio::test]
async fn delivered_events_are_kept_as_long_as_the_relay_is_told_to() {
    let Some(service) = Service::start("delivered_events_are_kept_as_long_as_the_relay_is_told_to").await else {
        return;
    };
    let pool = &service.database.pool;
    let relay = RunningRelay::start(service.relay().keep_published(Duration::from_hours(1)));
    let mut transaction = pool.begin().await.unwrap();
    let ids = service.publisher.publish_all_in(&mut transaction, (0..3).map(|n| numbered("k", n))).await.unwrap();
    transaction.commit().await.unwrap();
    wait::until("them to be kept", || async { (count(pool, "event_outbox_published").await == 3).then_some(()) }).await;
    relay.stop().await;
    assert_eq!(count(pool, "event_outbox").await, 0);
    let kept: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT event_id FROM event_outbox_published ORDER BY seq").fetch_all(pool).await.unwrap();
    assert_eq!(kept, ids);

    sqlx::query("UPDATE event_outbox_published SET published_at = now() - interval '2 hours' WHERE event_id <> $1")
        .bind(ids[2])
        .execute(pool)
        .await
        .unwrap();
    let relay = RunningRelay::start(service.relay().keep_published(Duration::from_hours(1)));
    wait::until("the old ones to go", || async { (count(pool, "event_outbox_published").await == 1).then_some(()) })
        .await;
    relay.stop().await;
}

#[tokio::test]
async fn dead_letters_can_be_emptied_and_go_when_they_are_old() {
    let Some(service) = Service::start("dead_letters_can_be_emptied_and_go_when_they_are_old").await else { return };
    let pool = &service.database.pool;
    let outbox = OutboxRepository::new(pool);
    let mut transaction = pool.begin().await.unwrap();
    let ids = service.publisher.publish_all_in(&mut transaction, (0..2).map(|n| numbered("k", n))).await.unwrap();
    transaction.commit().await.unwrap();
    let columns = "event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
        created_at, attempts";
    let moved = format!(
        "WITH moved AS (DELETE FROM event_outbox RETURNING *)
        INSERT INTO event_outbox_dead_letters ({columns}, reason) SELECT {columns}, 'refused' FROM moved"
    );
    sqlx::query(AssertSqlSafe(moved)).execute(pool).await.unwrap();

    assert_eq!(outbox.redact(&ids[..1]).await.unwrap(), 1);
    let dead = outbox.dead_letters(10).await.unwrap();
    assert_eq!((dead[0].event.event_id, dead[0].event.payload.len(), dead[0].event.headers.len()), (ids[0], 0, 0));
    assert!(!dead[1].event.payload.is_empty(), "the other one is as it was");
    assert_eq!(outbox.requeue(&ids).await.unwrap(), 1, "what was emptied can be delivered no more");
    assert_eq!(count(pool, "event_outbox").await, 1);
    assert_eq!(count(pool, "event_outbox_dead_letters").await, 1);

    sqlx::query("UPDATE event_outbox_dead_letters SET died_at = now() - interval '2 hours'")
        .execute(pool)
        .await
        .unwrap();
    let relay = RunningRelay::start(service.relay().keep_dead_letters(Duration::from_hours(1)));
    wait::until("it to go", || async { (count(pool, "event_outbox_dead_letters").await == 0).then_some(()) }).await;
    relay.stop().await;
}
