//! Handling events: each has its effect once, a key keeps its order, and a key that fails waits alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use marty_events::{
    EventConsumer, EventConsumerBuilder, GiveUp, GroupProtocol, Received, event_handlers,
    inbox::{InboxQuery, InboxRepository},
};
use marty_events_tests::{
    effects::{BatchEffects, Effects},
    wait,
};

use sqlx::{Postgres, Transaction};

use crate::support::{
    handling::{RunningConsumer, Topic},
    service::config,
};

const KEYS: [&str; 8] = ["k-0", "k-1", "k-2", "k-3", "k-4", "k-5", "k-6", "k-7"];

fn quick() -> Effects {
    Effects::taking("one", Duration::ZERO)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_consumer_has_committed_its_offsets() {
    let test = "a_stopped_consumer_has_committed_its_offsets";
    let Some(topic) = Topic::start(test, 1).await else { return };
    topic.publish(&KEYS, 0..5).await;
    let consumer = RunningConsumer::start(topic.consumer(quick()));
    topic.until_effects(8 * 5).await;
    consumer.stop().await;
    // The inbox forgets, so that only the offsets are left.
    sqlx::query("DELETE FROM event_inbox").execute(&topic.database.pool).await.unwrap();
    let consumer = RunningConsumer::start(topic.consumer(quick()));
    topic.publish(&KEYS, 5..7).await;
    topic.until_effects(8 * 7).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..7).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_a_dead_letter_after_its_attempts_or_at_once_and_its_key_goes_on() {
    let test = "an_event_is_a_dead_letter_after_its_attempts_or_at_once_and_its_key_goes_on";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let handlers = Effects::new("one", move |entry, _| {
        if entry.number == 2 {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(async move {
            match (entry.key.as_str(), entry.number) {
                ("k-0", 2) => Err("the account is closed".into()),
                ("k-1", 2) => Err(Box::new(GiveUp::new("there is no such account")) as _),
                ("k-2", 2) => panic!("the ledger is burning"),
                _ => Ok(()),
            }
        })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(3));
    topic.publish(&KEYS[..3], 0..6).await;
    topic.until_effects(3 * 5).await;
    wait::until("dead letters", || async { (topic.parked("dead").await == 3).then_some(()) }).await;
    consumer.stop().await;
    for (key, numbers) in topic.effects().await {
        assert_eq!(numbers, [0, 1, 3, 4, 5], "{key}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3 + 1 + 3);
    let expected = [
        ("the account is closed", 3),
        ("there is no such account", 1),
        ("the handler panicked: the ledger is burning", 3),
    ];
    assert_eq!(reasons(&topic).await, expected.map(|(reason, attempts)| (reason.to_owned(), attempts)));
}

/// The limit is one of the whole call, so it is longer than a busy database takes for a statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_never_ends_is_a_dead_letter_after_its_attempts_and_its_key_goes_on() {
    let test = "a_handler_that_never_ends_is_a_dead_letter_after_its_attempts_and_its_key_goes_on";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let handlers = Effects::new("one", |entry, _| {
        Box::pin(async move {
            if entry.number == 1 {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    });
    let limit = Duration::from_secs(2);
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(3).handler_timeout(limit));
    topic.publish(&KEYS[..1], 0..3).await;
    topic.until_effects(2).await;
    consumer.stop().await;
    assert_eq!(topic.effects().await[KEYS[0]], [0, 2]);
    assert_eq!(reasons(&topic).await, [("the handler took longer than 2s".to_owned(), 3)]);
}

/// The reason of each dead letter and its attempts, by the keys.
async fn reasons(topic: &Topic) -> Vec<(String, i32)> {
    let sql = "SELECT reason, attempts FROM event_inbox_parked ORDER BY convert_from(record_key, 'UTF8')";
    sqlx::query_as(sql).fetch_all(&topic.database.pool).await.expect("the dead letters")
}

/// A version of the program without the handler of the others.
struct Older;

#[event_handlers]
impl Older {
    #[event_handler(topic = "elsewhere", event_type = "elsewhere")]
    async fn elsewhere(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        _: Received<serde_json::Value>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&mut **tx).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_event_survives_a_program_without_its_handler() {
    let test = "a_parked_event_survives_a_program_without_its_handler";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let failing = Effects::new("one", |_, _| Box::pin(async { Err("the account is closed".into()) }));
    let consumer = RunningConsumer::start(topic.consumer(failing).attempts(1_000));
    topic.publish(&KEYS[..1], 0..3).await;
    wait::until("parked events", || async { (topic.parked("waiting").await == 3).then_some(()) }).await;
    consumer.stop().await;

    let consumer = RunningConsumer::start(topic.consumer(Older).attempts(1).hold_keys(true));
    wait::until("a dead letter", || async { (topic.parked("held").await == 1).then_some(()) }).await;
    consumer.stop().await;
    assert_eq!(topic.parked("waiting").await, 2);

    let inbox = InboxRepository::new(&topic.database.pool);
    let dead = inbox.dead_letters(InboxQuery::default().group(topic.group())).await.unwrap();
    assert_eq!(dead[0].reason, "this program has no handler for the event");
    inbox.requeue(&[dead[0].id]).await.unwrap();
    let consumer = RunningConsumer::start(topic.consumer(quick()));
    topic.until_effects(3).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS[..1], 0..3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_rolls_back_by_itself_has_failed_and_a_mode_that_it_sets_ends_with_its_event() {
    let test = "a_handler_that_rolls_back_by_itself_has_failed_and_a_mode_that_it_sets_ends_with_its_event";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let handlers = Effects::new("one", |entry, tx| {
        Box::pin(async move {
            if entry.number == 1 && entry.attempt < 3 {
                sqlx::raw_sql("ROLLBACK").execute(&mut **tx).await?;
            }
            if entry.number == 0 {
                sqlx::raw_sql("SET TRANSACTION READ ONLY").execute(&mut **tx).await?;
            }
            Ok(())
        })
    });
    topic.publish(&KEYS[..2], 0..5).await;
    let consumer = RunningConsumer::start(topic.consumer(handlers));
    topic.until_effects(2 * 5).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS[..2], 0..5).await;
}

/// More workers wait for claims than may call handlers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_handlers_run_at_a_time_than_are_allowed() {
    let Some(topic) = Topic::start("no_more_handlers_run_at_a_time_than_are_allowed", 1).await else { return };
    topic.publish(&KEYS, 0..20).await;
    let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handlers = Effects::new("one", {
        let most = Arc::clone(&most);
        move |_, _: &mut Transaction<'static, Postgres>| {
            let (at_work, most) = (Arc::clone(&at_work), Arc::clone(&most));
            Box::pin(async move {
                most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                at_work.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        }
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers).concurrency(2));
    topic.until_effects(8 * 20).await;
    consumer.stop().await;
    assert_eq!(most.load(Ordering::SeqCst), 2);
    topic.assert_once_in_order(&KEYS, 0..20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_with_a_failing_event_falls_back_and_only_its_key_waits() {
    let test = "a_batch_with_a_failing_event_falls_back_and_only_its_key_waits";
    let Some(topic) = Topic::start(test, 1).await else { return };
    topic.publish(&KEYS, 0..10).await;
    let consumer = || {
        let handlers = Effects::new("one", |entry, _| {
            let is_poison = entry.key == "k-5" && entry.number == 3;
            Box::pin(async move { if is_poison { Err("the account is closed".into()) } else { Ok(()) } })
        });
        RunningConsumer::start(topic.consumer(BatchEffects(handlers)).attempts(1_000).longest_batch(20))
    };
    let running = consumer();
    topic.until_effects(7 * 10 + 3).await;
    wait::until("the key's events to be parked", || async { (topic.parked("waiting").await == 7).then_some(()) }).await;
    running.stop().await;
    // The next batches have events of the key that waits.
    topic.publish(&KEYS, 10..12).await;
    let running = consumer();
    topic.until_effects(7 * 12 + 3).await;
    wait::until("the key's later events", || async { (topic.parked("waiting").await == 9).then_some(()) }).await;
    running.stop().await;
    let mut effects = topic.effects().await;
    assert_eq!(effects.remove("k-5"), Some(vec![0, 1, 2]));
    for (key, numbers) in effects {
        assert_eq!(numbers, (0..12).collect::<Vec<i64>>(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_leaves_out_the_events_that_come_again() {
    let test = "a_batch_leaves_out_the_events_that_come_again";
    let Some(topic) = Topic::start(test, 1).await else { return };
    topic.publish(&KEYS, 0..5).await;
    let consumer = RunningConsumer::start(topic.consumer(BatchEffects(quick())));
    topic.until_effects(8 * 5).await;
    consumer.stop().await;
    topic.reset_group().await;
    // Batches have new events beside those that come again.
    topic.publish(&KEYS, 5..7).await;
    let consumer = RunningConsumer::start(topic.consumer(BatchEffects(quick())).longest_batch(44));
    topic.until_effects(8 * 7).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..7).await;
}

#[tokio::test]
async fn a_consumer_that_cannot_be_built_says_what_to_write() {
    let pool = sqlx::PgPool::connect_lazy("postgres://127.0.0.1:1/none").unwrap();
    let builder = || EventConsumer::builder(&pool).config(config("127.0.0.1:1", "t"));
    let problem =
        |builder: EventConsumerBuilder<Postgres>| builder.build().expect_err("it cannot be built").to_string();
    assert!(problem(builder().handlers(quick())).contains("call `group(\"..\")`"));
    assert!(problem(builder().group("a".repeat(250)).handlers(quick())).contains("249 are allowed"));
    assert!(problem(builder().group("g")).contains("call `handlers(..)`"));
    let doubled = problem(builder().group("g").handlers(quick()).handlers(quick()));
    assert!(doubled.contains("both handle `entry_posted` of the topic `t.entries`"), "{doubled}");
    let refused = problem(builder().group("g").handlers(quick()).client_property("enable.auto.offset.store", "true"));
    assert!(refused.contains("would count as handled"), "{refused}");
}

async fn partitions_move_between_consumers(test: &str, protocol: GroupProtocol) {
    let Some(topic) = Topic::start(test, 6).await else { return };
    let consumer = |name: &str| {
        let handlers = Effects::taking(name, Duration::from_millis(10));
        RunningConsumer::start(topic.consumer(handlers).group_protocol(protocol))
    };
    let keys: Vec<String> = (0..40).map(|key| format!("k-{key}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let first = consumer("first");
    topic.publish(&keys, 0..5).await;
    topic.until_effects(1).await;
    let second = consumer("second");
    let mut published = 5;
    let begin = Instant::now();
    while topic.effects_of("second").await == 0 {
        wait::assert_within(begin, wait::DEADLINE, "work for the second");
        topic.publish(&keys, published..published + 1).await;
        published += 1;
    }
    topic.publish(&keys, published..published + 5).await;
    // It stops in mid-work, and the other one goes on.
    first.stop().await;
    let (stopped, before) = (Instant::now(), topic.effects_of("second").await);
    published += 5;
    topic.publish(&keys, published..published + 5).await;
    published += 5;
    topic.until_effects(keys.len() * usize::try_from(published).expect("positive")).await;
    println!("{before} of the second before, all after {:?}", stopped.elapsed());
    second.stop().await;
    topic.assert_once_in_order(&keys, 0..published).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_move_between_the_consumers_of_a_classic_group() {
    let test = "partitions_move_between_the_consumers_of_a_classic_group";
    partitions_move_between_consumers(test, GroupProtocol::Classic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_move_between_the_consumers_of_a_group_that_the_broker_balances() {
    let test = "partitions_move_between_the_consumers_of_a_group_that_the_broker_balances";
    partitions_move_between_consumers(test, GroupProtocol::Consumer).await;
}
