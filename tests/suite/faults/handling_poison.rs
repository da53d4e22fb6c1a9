//! Events that fail at unusual places, and handlers that break the rules: none is lost, and none holds its partition for ever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use marty_events::{CancellationToken, ConsumerHealth, ConsumerState, EventConsumer, EventError};
use marty_events_tests::{
    effects::{Effects, TOPIC},
    wait,
};
use sqlx::Postgres;
use tokio::sync::Semaphore;

use crate::support::{
    handling::{RunningConsumer, Topic},
    records::Records,
};

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
    // Longer than a busy database takes for the effects of the others.
    let limit = Duration::from_secs(5);
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
    assert!(reasons[2].contains("longer than 5s"), "{reasons:?}");
}

/// A handler may be at fault for the deadlocks that it blames the database for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_for_which_the_database_is_always_in_the_way_is_a_dead_letter_in_the_end() {
    let test = "an_event_for_which_the_database_is_always_in_the_way_is_a_dead_letter_in_the_end";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let handlers = Effects::new("one", |entry, _| {
        let is_poison = entry.key == "k-0" && entry.number == 1;
        Box::pin(async move { if is_poison { Err(sqlx::Error::PoolTimedOut.into()) } else { Ok(()) } })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(2));
    topic.publish(&KEYS, 0..3).await;
    wait::until("a dead letter", || async { (topic.parked("dead").await == 1).then_some(()) }).await;
    topic.until_effects(3 * 4 - 1).await;
    consumer.stop().await;
    for (key, numbers) in topic.effects().await {
        let expected: &[i64] = if key == "k-0" { &[0, 2] } else { &[0, 1, 2] };
        assert_eq!(numbers, expected, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_uses_up_no_attempt_of_a_parked_event() {
    let Some(topic) = Topic::start("a_lost_connection_uses_up_no_attempt_of_a_parked_event", 1).await else { return };
    let lost = Arc::new(AtomicUsize::new(0));
    let handlers = Effects::new("one", move |entry, _| {
        let is_poison = entry.key == "k-0" && entry.number == 1;
        let lost = Arc::clone(&lost);
        Box::pin(async move {
            match entry.attempt {
                1 if is_poison => Err("the account is closed".into()),
                _ if is_poison && lost.fetch_add(1, Ordering::SeqCst) < 3 => Err(sqlx::Error::PoolTimedOut.into()),
                _ => Ok(()),
            }
        })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(2));
    topic.publish(&KEYS, 0..3).await;
    topic.until_effects(3 * KEYS.len()).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..3).await;
}

/// A process that was paused in a handler, and whose transaction was ended meanwhile, fails after the next owner of its partition has gone on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_fails_after_another_owner_has_gone_on_is_left_to_it() {
    let test = "an_event_that_fails_after_another_owner_has_gone_on_is_left_to_it";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let other = topic.database.pool.clone();
    let handlers = Effects::new("one", move |entry, tx| {
        let other = other.clone();
        Box::pin(async move {
            if entry.number != 1 || 1 < entry.attempt {
                return Ok(());
            }
            // The server ends the connection, and the transaction with it.
            let _ = sqlx::raw_sql("SELECT pg_terminate_backend(pg_backend_pid())").execute(&mut **tx).await;
            let sql = match entry.key.as_str() {
                // The other owner has handled it.
                "k-0" => {
                    "INSERT INTO event_inbox (consumer_group, event_id)
                    SELECT consumer_group, replace(event_id, 'k-0-0', 'k-0-1') FROM event_inbox WHERE event_id LIKE '%k-0-0'"
                }
                // It has parked an earlier event of the key.
                "k-1" => {
                    "INSERT INTO event_inbox_parked (consumer_group, event_id, topic, ordering_key, record_partition,
                        record_offset, headers, encoding, attempts, reason, state, due_at, parked_at)
                    SELECT consumer_group, 'earlier', (SELECT topic FROM place), convert_to('k-1', 'UTF8'), 0, 0, '[]', 1, 1, 'earlier',
                        'waiting', now() + interval '1 hour', now() FROM event_inbox LIMIT 1"
                }
                _ => return Ok(()),
            };
            sqlx::raw_sql(sql).execute(&other).await?;
            Err("the connection was gone".into())
        })
    });
    let place = format!("CREATE TABLE place (topic text); INSERT INTO place VALUES ('{}.{TOPIC}')", topic.prefix);
    topic.database.run(&place).await;
    let records = Records::new(&topic.brokers, &topic.prefix);
    let consumer = RunningConsumer::start(topic.consumer(handlers));
    records.write_all(&KEYS[..2], 0..3).await;
    topic.until_effects(2 + 1).await;
    wait::until("the events behind the earlier one", || async { (topic.parked("waiting").await == 3).then_some(()) })
        .await;
    consumer.stop().await;
    let effects = topic.effects().await;
    assert_eq!((&*effects["k-0"], &*effects["k-1"]), (&[0, 2][..], &[0][..]));
    let attempts = "SELECT max(attempts)::bigint FROM event_inbox_parked WHERE event_id <> 'earlier'";
    assert_eq!(topic.database.number(attempts).await.expect("a number"), 0, "no try of theirs counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_whose_place_in_the_group_another_one_has_taken_ends_with_an_error() {
    let test = "a_consumer_whose_place_in_the_group_another_one_has_taken_ends_with_an_error";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let consumer = |name: &str| {
        let builder =
            topic.consumer(Effects::taking(name, Duration::ZERO)).client_property("group.instance.id", "place");
        builder.build().expect("a consumer")
    };
    let first = tokio::spawn(consumer("first").run(CancellationToken::new()));
    topic.publish(&KEYS, 0..1).await;
    topic.until_effects(4).await;
    let stop = CancellationToken::new();
    let second = tokio::spawn(consumer("second").run(stop.clone()));
    let ended = wait::answer(wait::DEADLINE, "the end of the first", first).await.expect("no panic");
    assert!(matches!(ended, Err(EventError::Kafka(_))), "{ended:?}");
    topic.publish(&KEYS, 1..2).await;
    topic.until_effects(8).await;
    stop.cancel();
    second.await.unwrap().unwrap();
    topic.assert_once_in_order(&KEYS, 0..2).await;
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

/// The server refuses the end of a parked event for a time, after its handler has succeeded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_effect_of_a_parked_event_is_there_only_with_the_end_of_its_row() {
    let test = "the_effect_of_a_parked_event_is_there_only_with_the_end_of_its_row";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let pool = &topic.database.pool;
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'the row stays'; END $$;
        CREATE TRIGGER refuse AFTER DELETE ON event_inbox_parked FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .execute(pool)
    .await
    .expect("a trigger");
    let handlers = Effects::new("one", |entry, _| {
        let fails = entry.key == "k-0" && entry.number == 1 && entry.attempt == 1;
        Box::pin(async move { if fails { Err("the account is locked".into()) } else { Ok(()) } })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(1_000));
    topic.publish(&KEYS, 0..3).await;
    wait::until("some attempts", || async {
        let attempts =
            topic.database.number("SELECT coalesce(max(attempts), 0)::bigint FROM event_inbox_parked").await.ok()?;
        (3 <= attempts).then_some(())
    })
    .await;
    sqlx::raw_sql("DROP TRIGGER refuse ON event_inbox_parked").execute(pool).await.expect("no trigger");
    topic.until_effects(3 * 4).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..3).await;
}
