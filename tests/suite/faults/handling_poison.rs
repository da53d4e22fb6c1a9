//! Events that fail at unusual places, and handlers that break the rules: none is lost, and none holds its partition for ever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use marty_events::{CancellationToken, ConsumerHealth, ConsumerState, EventConsumer};
use marty_events_tests::{effects::Effects, wait};
use sqlx::Postgres;
use tokio::sync::Semaphore;

use crate::support::handling::{RunningConsumer, Topic};

const KEYS: [&str; 4] = ["k-0", "k-1", "k-2", "k-3"];

/// Panics when it is dropped, as a guard that finds its invariant broken does.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the guard is dropped too early");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_whose_commit_or_whose_end_fails_is_a_dead_letter_and_others_go_on() {
    let test = "an_event_whose_commit_or_whose_end_fails_is_a_dead_letter_and_others_go_on";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let pool = &topic.database.pool;
    sqlx::raw_sql(
        "CREATE TABLE accounts (id bigint PRIMARY KEY);
        CREATE TABLE bookings (account bigint REFERENCES accounts DEFERRABLE INITIALLY DEFERRED)",
    )
    .execute(pool)
    .await
    .unwrap();
    let handlers = Effects::new("one", |entry, tx| {
        Box::pin(async move {
            match (entry.key.as_str(), entry.number) {
                ("k-0", 1) => {
                    sqlx::query("INSERT INTO bookings VALUES (1)").execute(&mut **tx).await?;
                }
                // The server closes the connection before the handler is done.
                ("k-1", 1) => {
                    let sql = "SET LOCAL idle_in_transaction_session_timeout = '50ms'";
                    sqlx::query(sql).execute(&mut **tx).await?;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                ("k-2", 1) => {
                    let _guard = Guard;
                    tokio::time::sleep(Duration::from_mins(5)).await;
                }
                _ => {}
            }
            Ok(())
        })
    });
    let limit = Duration::from_secs(1);
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(2).handler_timeout(limit));
    topic.publish(&KEYS, 0..3).await;
    wait::until("dead letters", || async { (topic.parked("dead").await == 3).then_some(()) }).await;
    topic.until_effects(3 * 4 - 3).await;
    topic.publish(&KEYS, 3..4).await;
    topic.until_effects(4 * 4 - 3).await;
    consumer.stop().await;
    for (key, numbers) in topic.effects().await {
        let expected: &[i64] = if key == "k-3" { &[0, 1, 2, 3] } else { &[0, 2, 3] };
        assert_eq!(numbers, expected, "{key}");
    }
    let reasons: Vec<String> =
        sqlx::query_scalar("SELECT reason FROM event_inbox_parked ORDER BY convert_from(record_key, 'UTF8')")
            .fetch_all(pool)
            .await
            .unwrap();
    assert!(reasons[0].contains("foreign key"), "{reasons:?}");
    assert!(reasons[2].contains("longer than 1s"), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_rolls_its_transaction_back_by_itself_has_failed() {
    let test = "a_handler_that_rolls_its_transaction_back_by_itself_has_failed";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let handlers = Effects::new("one", |entry, tx| {
        Box::pin(async move {
            if entry.key == "k-0" && entry.number == 1 && entry.attempt < 3 {
                sqlx::raw_sql("ROLLBACK").execute(&mut **tx).await?;
            }
            Ok(())
        })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers));
    topic.publish(&KEYS[..2], 0..4).await;
    topic.until_effects(2 * 4).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS[..2], 0..4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_partition_that_comes_back_is_read_again() {
    let test = "a_paused_partition_that_comes_back_is_read_again";
    let Some(topic) = Topic::start(test, 2).await else { return };
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let handlers = |name: &str| {
        let (gate, calls) = (gate.clone(), calls.clone());
        Effects::new(name, move |_, _| {
            let gate = gate.clone();
            calls.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                let _permit = gate.acquire().await?;
                Ok(())
            })
        })
    };
    let consumer = |name: &str| -> EventConsumer<Postgres> {
        let builder = topic.consumer(handlers(name)).in_flight(2).drain_time(Duration::from_millis(100));
        builder.handler_timeout(Duration::from_mins(10)).build().expect("a consumer")
    };
    topic.publish(&KEYS, 0..5).await;
    let stop = CancellationToken::new();
    let first = consumer("first");
    let health = first.health();
    let first = tokio::spawn(first.run(stop.clone()));
    let has = async |partitions: usize, health: &ConsumerHealth| {
        wait::until(format!("{partitions} partitions"), || async {
            (health.state() == ConsumerState::Working { partitions }).then_some(())
        })
        .await;
    };
    has(2, &health).await;
    // Each partition has its share, and is paused long before a second member has joined.
    wait::until("a call for each partition", || async { (2 <= calls.load(Ordering::SeqCst)).then_some(()) }).await;
    let second = consumer("second");
    let other_health = second.health();
    let other_stop = CancellationToken::new();
    let second = tokio::spawn(second.run(other_stop.clone()));
    has(1, &other_health).await;
    other_stop.cancel();
    second.await.unwrap().unwrap();
    has(2, &health).await;
    gate.add_permits(1_000);
    topic.until_effects(4 * 5).await;
    stop.cancel();
    first.await.unwrap().unwrap();
    topic.assert_once_in_order(&KEYS, 0..5).await;
}
