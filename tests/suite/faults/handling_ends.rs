//! Calls whose transaction cannot end as usual: each event ends, and none holds its key for ever.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use marty_events_tests::{
    effects::{BatchEffects, Effects, EffectsDatabase},
    wait,
};
use sqlx::{MySql, Postgres};

use crate::support::handling::{RunningConsumer, Topic};

const KEYS: [&str; 4] = ["k-0", "k-1", "k-2", "k-3"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_event_whose_calls_can_never_be_committed_is_a_dead_letter_after_its_attempts() {
    let test = "a_parked_event_whose_calls_can_never_be_committed_is_a_dead_letter_after_its_attempts";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let calls = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let counted = calls.clone();
    let handlers = Effects::new("one", move |entry, tx| {
        if entry.number == 1 {
            *counted.lock().expect("no panic").entry(entry.key.clone()).or_default() += 1;
        }
        Box::pin(async move {
            match (entry.key.as_str(), entry.number, entry.attempt) {
                ("k-0", 1, 1) => return Err("the account is closed".into()),
                // The row of the parked event cannot leave with it.
                ("k-0", 1, _) => {
                    sqlx::query("SET TRANSACTION READ ONLY").execute(&mut **tx).await?;
                }
                // The database seems to be in the way at every call.
                (_, 1, _) => return Err(sqlx::Error::PoolTimedOut.into()),
                _ => {}
            }
            Ok(())
        })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(2));
    topic.publish(&KEYS, 0..3).await;
    wait::until("dead letters", || async { (topic.parked("dead").await == 4).then_some(()) }).await;
    topic.until_effects(4 * 2).await;
    consumer.stop().await;
    for (key, numbers) in topic.effects().await {
        assert_eq!(numbers, [0, 2], "{key}");
    }
    // A call that the database got in the way of is repeated five times, whichever task does it.
    let expected = [("k-0", 2), ("k-1", 12), ("k-2", 12), ("k-3", 12)].map(|(key, calls)| (key.to_owned(), calls));
    assert_eq!(*calls.lock().unwrap(), BTreeMap::from(expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_ends_in_a_database_that_is_read_only_unless_a_transaction_says_otherwise() {
    let test = "an_event_ends_in_a_database_that_is_read_only_unless_a_transaction_says_otherwise";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let handlers = Effects::new("one", |entry, _| {
        let fails = entry.number == 1;
        Box::pin(async move { if fails { Err("the account is closed".into()) } else { Ok(()) } })
    });
    let sql = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
    topic.database.run(sql).await;
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(3).hold_keys(true));
    topic.publish(&KEYS, 0..2).await;
    wait::until("dead letters", || async { (topic.parked("held").await == 4).then_some(()) }).await;
    consumer.stop().await;
    assert_eq!(topic.database.number("SELECT sum(attempts) FROM event_inbox_parked").await.expect("a sum"), 4 * 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_hangs_holds_its_key_for_the_time_of_a_call_at_the_most() {
    let test = "a_statement_that_hangs_holds_its_key_for_the_time_of_a_call_at_the_most";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let handlers = Effects::new("one", |entry, tx| {
        Box::pin(async move {
            if entry.number == 1 {
                sqlx::query("SELECT pg_sleep(3600)").execute(&mut **tx).await?;
            }
            Ok(())
        })
    });
    // Longer than a busy database takes for the effects of the others.
    let limit = Duration::from_secs(5);
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(2).handler_timeout(limit));
    topic.publish(&KEYS[..2], 0..3).await;
    wait::until("dead letters", || async { (topic.parked("dead").await == 2).then_some(()) }).await;
    topic.until_effects(2 * 2).await;
    consumer.stop().await;
    for (key, numbers) in topic.effects().await {
        assert_eq!(numbers, [0, 2], "{key}");
    }
}

/// The transaction that a handler commits by itself has the event's row, so the event is known, and not every effect of the call may be there.
async fn a_call_that_commits_by_itself_is_a_dead_letter<DB: EffectsDatabase>(test: &str, sql: &'static str) {
    let Some(topic) = Topic::<DB>::start_in(test, 1).await else { return };
    let handlers = || {
        Effects::<DB>::new("one", move |entry, tx| {
            Box::pin(async move {
                if entry.number == 1 {
                    DB::execute(tx, sql.replace("{key}", &entry.key.replace('-', "_"))).await?;
                }
                Ok(())
            })
        })
    };
    let consumer = RunningConsumer::start(topic.consumer(handlers()));
    topic.publish(&KEYS, 0..3).await;
    wait::until("dead letters", || async { (topic.parked("dead").await == 4).then_some(()) }).await;
    topic.until_effects(4 * 3).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..3).await;
    let sql = "SELECT reason, count(*) FROM event_inbox_parked WHERE attempts = 1 GROUP BY reason".to_owned();
    let reasons = DB::rows(&topic.database.pool, sql).await.expect("the reasons");
    let [(reason, 4)] = &reasons[..] else { panic!("one reason of four letters: {reasons:?}") };
    assert!(reason.contains("committed by a statement of the handler"), "{reason}");

    // The same in a batch, whose events are all taken with it.
    let consumer = RunningConsumer::start(topic.consumer(BatchEffects(handlers())));
    topic.database.run("DELETE FROM event_inbox_parked").await;
    topic.publish(&["b-0"], 0..2).await;
    wait::until("a dead letter", || async { (0 < topic.parked("dead").await).then_some(()) }).await;
    topic.publish(&["b-0"], 2..3).await;
    topic.until_effects(4 * 3 + 3).await;
    consumer.stop().await;
    assert_eq!(topic.effects().await.get("b-0"), Some(&vec![0, 1, 2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_changes_tables_on_mariadb_is_told_that_it_has_committed() {
    let test = "a_handler_that_changes_tables_on_mariadb_is_told_that_it_has_committed";
    a_call_that_commits_by_itself_is_a_dead_letter::<MySql>(test, "CREATE TABLE made_{key} (id INT)").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_commits_on_postgres_is_told_so() {
    let test = "a_handler_that_commits_on_postgres_is_told_so";
    a_call_that_commits_by_itself_is_a_dead_letter::<Postgres>(test, "COMMIT").await;
}
