//! The promises of handling events that are the same on every database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use marty_events::inbox::InboxQuery;
use marty_events_tests::{
    effects::{Effects, EffectsDatabase},
    wait,
};

use crate::support::{
    handling::{RunningConsumer, Topic},
    records::Records,
};

/// The promises as tests, in one module for each database.
macro_rules! promises {
    ($($promise:ident)*) => {
        promises! { @module Postgres on_postgres $($promise)* }
        promises! { @module MySql on_mariadb $($promise)* }
        promises! { @module Sqlite on_sqlite $($promise)* }
    };
    (@module $database:ident $module:ident $($promise:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise::<sqlx::$database>(concat!(stringify!($module), "::", stringify!($promise))).await;
            })*
        }
    };
}

promises! {
    events_have_their_effect_once_in_the_order_of_their_keys_also_when_a_group_is_reset
    a_key_that_fails_waits_alone_and_goes_on_in_its_order
    a_dead_letter_that_is_requeued_runs_before_the_later_events_of_its_key
    a_handler_whose_transaction_was_rolled_back_has_failed
    a_record_that_comes_again_after_its_topics_whole_retention_is_dropped
    the_inbox_remembers_every_record_that_its_topic_has
}

const KEYS: [&str; 8] = ["k-0", "k-1", "k-2", "k-3", "k-4", "k-5", "k-6", "k-7"];
const HOUR: &str = "3600000";
const TEN_DAYS: &str = "864000000";

fn quick<DB: EffectsDatabase>() -> Effects<DB> {
    Effects::taking("one", Duration::ZERO)
}

async fn events_have_their_effect_once_in_the_order_of_their_keys_also_when_a_group_is_reset<DB: EffectsDatabase>(
    test: &str,
) {
    let Some(topic) = Topic::<DB>::start_in(test, 3).await else { return };
    topic.publish(&KEYS, 0..20).await;
    let consumer = RunningConsumer::start(topic.consumer(quick()));
    topic.until_effects(8 * 20).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..20).await;

    topic.reset_group().await;
    let consumer = RunningConsumer::start(topic.consumer(quick()));
    // They come behind everything that is delivered again.
    topic.publish(&KEYS, 20..22).await;
    topic.until_effects(8 * 22).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..22).await;
}

async fn a_key_that_fails_waits_alone_and_goes_on_in_its_order<DB: EffectsDatabase>(test: &str) {
    let Some(topic) = Topic::<DB>::start_in(test, 1).await else { return };
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = is_mended.clone();
    let handlers = Effects::new("one", move |entry, _| {
        let is_poison = entry.key == "k-3" && entry.number == 4 && !mended.load(Ordering::SeqCst);
        Box::pin(async move { if is_poison { Err("the account is closed".into()) } else { Ok(()) } })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(1_000));
    topic.publish(&KEYS, 0..10).await;
    topic.until_effects(7 * 10 + 4).await;
    wait::until("the key's events to be parked", || async { (topic.parked("waiting").await == 6).then_some(()) }).await;
    assert_eq!(topic.effects().await["k-3"], [0, 1, 2, 3]);
    // The others go on while it waits.
    let others: Vec<&str> = KEYS.into_iter().filter(|key| *key != "k-3").collect();
    topic.publish(&others, 10..15).await;
    topic.until_effects(7 * 15 + 4).await;
    assert_eq!(topic.parked("waiting").await, 6);
    is_mended.store(true, Ordering::SeqCst);
    topic.publish(&["k-3"], 10..15).await;
    topic.until_effects(8 * 15).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..15).await;
    assert_eq!(topic.parked("waiting").await, 0);
}

async fn a_dead_letter_that_is_requeued_runs_before_the_later_events_of_its_key<DB: EffectsDatabase>(test: &str) {
    let Some(topic) = Topic::<DB>::start_in(test, 1).await else { return };
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = is_mended.clone();
    let handlers = Effects::new("one", move |entry, _| {
        let is_poison = entry.key == "k-3" && entry.number == 4 && !mended.load(Ordering::SeqCst);
        Box::pin(async move { if is_poison { Err("the account is closed".into()) } else { Ok(()) } })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(2).hold_keys(true));
    topic.publish(&KEYS, 0..10).await;
    topic.until_effects(7 * 10 + 4).await;
    wait::until("the letter, and the key's events behind it", || async {
        (topic.parked("held").await == 1 && topic.parked("waiting").await == 5).then_some(())
    })
    .await;
    is_mended.store(true, Ordering::SeqCst);
    topic.publish(&KEYS, 10..12).await;
    topic.until_effects(7 * 12 + 4).await;
    let inbox = topic.inbox();
    let letters = inbox.dead_letters(InboxQuery::default().group(topic.group())).await.expect("the letters");
    let ids: Vec<i64> = letters.iter().map(|letter| letter.id).collect();
    assert_eq!(inbox.requeue(&ids).await.expect("an answer"), 1);
    topic.until_effects(8 * 12).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..12).await;
    assert_eq!((topic.parked("held").await, topic.parked("waiting").await), (0, 0));
}

/// The commit of such a transaction does nothing, and says nothing.
async fn a_handler_whose_transaction_was_rolled_back_has_failed<DB: EffectsDatabase>(test: &str) {
    let Some(topic) = Topic::<DB>::start_in(test, 1).await else { return };
    let handlers = Effects::<DB>::new("one", |entry, tx| {
        Box::pin(async move {
            if entry.number != 1 || 3 <= entry.attempt {
                return Ok(());
            }
            let _ = DB::execute(tx, DB::UNDO.to_owned()).await;
            // The one handler passes over it, and the other one fails with it.
            if entry.key == "k-0" { Ok(()) } else { Err("the database ended the transaction".into()) }
        })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers));
    topic.publish(&KEYS[..2], 0..5).await;
    topic.until_effects(2 * 5).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS[..2], 0..5).await;
}

/// Puts all rows of the inbox back, and adds one that is older than any time that is asked for: once it is gone, the inbox was cleaned.
async fn age<DB: EffectsDatabase>(topic: &Topic<DB>, days: u32) {
    let sql = format!("INSERT INTO event_inbox (consumer_group, event_id) VALUES ('{}', 'old')", topic.group());
    topic.database.run(&DB::aged(days)).await;
    topic.database.run(&sql).await;
    topic.database.run(&format!("{} WHERE event_id = 'old'", DB::aged(100))).await;
}

async fn until_cleaned<DB: EffectsDatabase>(topic: &Topic<DB>) {
    wait::until("a clean inbox", || async {
        let old = topic.database.number("SELECT count(*) FROM event_inbox WHERE event_id = 'old'").await.ok()?;
        (old == 0).then_some(())
    })
    .await;
}

/// The topic keeps its records for an hour. Three days later a producer sends them once more.
async fn a_record_that_comes_again_after_its_topics_whole_retention_is_dropped<DB: EffectsDatabase>(test: &str) {
    let settings = [("retention.ms", HOUR), ("segment.ms", HOUR)];
    let Some(topic) = Topic::<DB>::start_with(test, 3, &settings).await else { return };
    let records = Records::new(&topic.brokers, &topic.prefix);
    records.write_all(&KEYS, 0..5).await;
    let consumer = RunningConsumer::start(topic.consumer(quick()));
    topic.until_effects(8 * 5).await;
    consumer.stop().await;
    age(&topic, 3).await;
    let forgotten = records.pass_retention(&topic.brokers, &topic.group()).await.expect("a broker");
    assert_eq!(forgotten, 8 * 5, "the topic is empty");

    let consumer = RunningConsumer::start(topic.consumer(quick()));
    until_cleaned(&topic).await;
    records.write_all(&KEYS, 0..7).await;
    topic.until_effects(8 * 7).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..7).await;
}

/// The consumer asks for an hour, and the topic keeps its records for ten days.
async fn the_inbox_remembers_every_record_that_its_topic_has<DB: EffectsDatabase>(test: &str) {
    let settings = [("retention.ms", TEN_DAYS), ("segment.ms", HOUR)];
    let Some(topic) = Topic::<DB>::start_with(test, 3, &settings).await else { return };
    let consumer = || topic.consumer(quick()).inbox_retention(Duration::from_hours(1));
    let records = Records::new(&topic.brokers, &topic.prefix);
    records.write_all(&KEYS, 0..5).await;
    let running = RunningConsumer::start(consumer());
    topic.until_effects(8 * 5).await;
    running.stop().await;
    age(&topic, 9).await;
    let running = RunningConsumer::start(consumer());
    until_cleaned(&topic).await;
    running.stop().await;

    topic.reset_group().await;
    let running = RunningConsumer::start(consumer());
    // They come behind everything that is delivered again.
    records.write_all(&KEYS, 5..7).await;
    topic.until_effects(8 * 7).await;
    running.stop().await;
    topic.assert_once_in_order(&KEYS, 0..7).await;
}
