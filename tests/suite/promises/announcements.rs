//! Announcements to relays of other processes, which take a lock of the whole PostgreSQL server at the commit.

use std::time::Instant;

use marty_events::{DomainEvent, OutboxRepository, testing::EventRecorder};
use marty_events_tests::{database::TestDatabase, wait};
use sqlx::postgres::PgListener;

#[tokio::test]
async fn an_outbox_that_enqueues_again_and_again_announces_at_most_every_25_ms() {
    let test = "an_outbox_that_enqueues_again_and_again_announces_at_most_every_25_ms";
    let Some(database) = TestDatabase::create(test).await else { return };
    let mut listener = PgListener::connect_with(&database.pool).await.unwrap();
    listener.listen(&format!("marty_events_{:08x}", crc32fast::hash(b"event_outbox"))).await.unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let begin = Instant::now();
    EventRecorder::new()
        .scope(async {
            for id in 0..100 {
                // A clone shares the pause.
                outbox.clone().enqueue(DomainEvent::new("account", id, "opened")).await.unwrap();
            }
        })
        .await;
    let most = begin.elapsed().as_millis() / 25 + 1;
    // Announced after all the others.
    sqlx::query("SELECT pg_notify($1, 'last')")
        .bind(format!("marty_events_{:08x}", crc32fast::hash(b"event_outbox")))
        .execute(&database.pool)
        .await
        .unwrap();
    let mut announcements = 0;
    while wait::answer(wait::DEADLINE, "an announcement", listener.recv()).await.unwrap().payload() != "last" {
        announcements += 1;
    }
    assert!((1..=most).contains(&announcements), "{announcements} announcements where {most} are the most");
    assert_eq!(outbox.stats().await.unwrap().pending, 100);
}
