//! Consumers killed, paused, cut off and stopped while their handlers are at work: no effect is lost, doubled or out of its key's order.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use marty_events::{ConsumerState, GroupProtocol};
use marty_events_tests::{
    database::TestDatabase, effects::Effects, faulty_network::FaultyNetwork, process::Watched, servers, wait,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sqlx::{AssertSqlSafe, postgres::PgPoolOptions};

use crate::support::handling::{RunningConsumer, Topic};

const KEYS: [&str; 8] = ["k-0", "k-1", "k-2", "k-3", "k-4", "k-5", "k-6", "k-7"];

/// A process with a consumer.
fn process(topic: &Topic, name: &str, settings: &[(&str, &str)]) -> Watched {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handling_service"));
    command
        .env("KAFKA_BROKERS", &topic.brokers)
        .env("DATABASE_URL", &topic.database.url)
        .env("SERVICE_NAME", "suite")
        .env("EVENT_TOPIC_PREFIX", &topic.prefix)
        .env("GROUP", topic.group())
        .env("NAME", name)
        .envs(settings.iter().copied());
    Watched::start(&mut command)
}

fn until_line(process: &Watched, beginning: &str) {
    loop {
        let line = process.line(wait::DEADLINE).expect("the service goes on");
        if line.starts_with(beginning) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_a_service_is_killed_in_its_handlers_each_effect_is_there_once() {
    const KILLS: i64 = 12;
    let test = "whenever_a_service_is_killed_in_its_handlers_each_effect_is_there_once";
    let Some(topic) = Topic::start(test, 2).await else { return };
    let seed = rand::random();
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    for kill in 0..KILLS {
        topic.publish(&KEYS, kill * 5..(kill + 1) * 5).await;
        // A member that was killed keeps its partitions for its session's time; the others of these groups are of the broker's kind.
        let settings = [("TAKES_MILLIS", "5"), ("SESSION_MILLIS", "6000")];
        let service = process(&topic, "killed", &settings);
        for _ in 0..chance.random_range(1..10) {
            until_line(&service, "begun ");
        }
        tokio::time::sleep(Duration::from_micros(chance.random_range(0..10_000))).await;
        drop(service.kill());
    }
    let consumer = RunningConsumer::start(topic.consumer(Effects::taking("last", Duration::ZERO)));
    topic.until_effects(8 * 5 * usize::try_from(KILLS).unwrap()).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..KILLS * 5).await;
}

async fn paused_past_its_session(test: &str, is_killed: bool) {
    let Some(topic) = Topic::start(test, 1).await else { return };
    topic.publish(&KEYS, 0..4).await;
    let settings = [("HELD_KEY", "k-2"), ("SESSION_MILLIS", "6000")];
    let paused = process(&topic, "paused", &settings);
    until_line(&paused, "begun k-2 0");
    // It has no other transaction open.
    topic.until_effects(7 * 4).await;
    paused.pause();
    let consumer = RunningConsumer::start(topic.consumer(Effects::taking("other", Duration::ZERO)));
    // The other one has the partition, and all keys but the one whose event the paused process has in an open transaction.
    topic.publish(&KEYS, 4..6).await;
    topic.until_effects(7 * 6).await;
    assert_eq!(topic.effects().await.get("k-2"), None);
    if is_killed {
        drop(paused.kill());
    } else {
        paused.signal("USR1");
        paused.resume();
    }
    topic.until_effects(8 * 6).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..6).await;
    let by: String = sqlx::query_scalar("SELECT process FROM effects WHERE entry_key = 'k-2' AND number = 0")
        .fetch_one(&topic.database.pool)
        .await
        .expect("the process of an effect");
    assert_eq!(by, if is_killed { "other" } else { "paused" });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_paused_past_its_session_in_a_handler_and_goes_on_has_the_effect_once() {
    let test = "a_service_that_is_paused_past_its_session_in_a_handler_and_goes_on_has_the_effect_once";
    paused_past_its_session(test, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_paused_past_its_session_in_a_handler_and_dies_leaves_the_event_to_the_next() {
    let test = "a_service_that_is_paused_past_its_session_in_a_handler_and_dies_leaves_the_event_to_the_next";
    paused_past_its_session(test, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_paused_with_all_its_handlers_at_work_holds_back_their_keys_alone() {
    let test = "a_service_that_is_paused_with_all_its_handlers_at_work_holds_back_their_keys_alone";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let held: Vec<String> = (0..16).map(|key| format!("held-{key}")).collect();
    let held: Vec<&str> = held.iter().map(String::as_str).collect();
    topic.publish(&held, 0..2).await;
    let settings = [("HELD_KEY", "held"), ("SESSION_MILLIS", "6000")];
    let paused = process(&topic, "paused", &settings);
    for _ in &held {
        until_line(&paused, "begun held");
    }
    paused.pause();
    let consumer = RunningConsumer::start(topic.consumer(Effects::taking("other", Duration::ZERO)));
    topic.publish(&KEYS, 0..5).await;
    topic.until_effects(8 * 5).await;
    topic.assert_once_in_order(&KEYS, 0..5).await;
    paused.signal("USR1");
    paused.resume();
    topic.until_effects(8 * 5 + 16 * 2).await;
    consumer.stop().await;
    for (key, numbers) in topic.effects().await {
        let count = if key.starts_with("held") { 2 } else { 5 };
        assert_eq!(numbers, (0..count).collect::<Vec<i64>>(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_uses_up_no_attempt_and_nothing_is_lost_when_it_is_back() {
    let test = "a_database_that_is_away_uses_up_no_attempt_and_nothing_is_lost_when_it_is_back";
    let Some(admin) = servers::postgres(test) else { return };
    let Some(brokers) = servers::kafka(test) else { return };
    let topic = Topic::on(TestDatabase::create_on(admin).await.into(), &brokers, 2, &[]).await;
    let network = FaultyNetwork::start().await;
    let url = network.url(&topic.database.url);
    let pool = PgPoolOptions::new().connect_lazy(&url).unwrap();
    // One failure would be a dead letter.
    let consumer = topic.consumer_in(&pool, Effects::taking("one", Duration::from_millis(5))).attempts(1);
    let consumer = consumer.build().unwrap();
    let health = consumer.health();
    let stop = marty_events::CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));
    topic.publish(&KEYS, 0..10).await;
    topic.until_effects(20).await;
    network.lead_to("127.0.0.1:1");
    network.cut();
    topic.publish(&KEYS, 10..20).await;
    wait::until("the outage to be known", || async {
        matches!(health.state(), ConsumerState::DatabaseAway { .. }).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let _ = network.url(&topic.database.url);
    topic.until_effects(8 * 20).await;
    wait::until("the outage to be over", || async { health.is_ready().then_some(()) }).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    topic.assert_once_in_order(&KEYS, 0..20).await;
    assert_eq!((topic.parked("dead").await, topic.parked("waiting").await), (0, 0));
}

/// With `fails`, handlers of some events fail once, so that connections of parked events are cut as well. An event that has one failure
/// more than that is a dead letter.
async fn connections_that_are_cut_use_up_no_attempt(test: &str, fails: bool) {
    let Some(topic) = Topic::start(test, 2).await else { return };
    let handlers = Effects::new("one", move |entry, _| {
        let fails = fails && entry.number % 10 == 3 && entry.attempt == 1;
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if fails { Err("the account is locked".into()) } else { Ok(()) }
        })
    });
    let consumer = RunningConsumer::start(topic.consumer(handlers).attempts(if fails { 2 } else { 1 }));
    for round in 0..20 {
        topic.publish(&KEYS, round * 5..(round + 1) * 5).await;
        // The test's own connections are idle, and the consumer's are not.
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' AND random() < 0.5";
        sqlx::query(AssertSqlSafe(sql)).execute(&topic.database.pool).await.expect("the server answers");
    }
    topic.until_effects(8 * 100).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..100).await;
    assert_eq!((topic.parked("dead").await, topic.parked("waiting").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_in_the_middle_of_handlers_lose_and_double_nothing() {
    let test = "connections_that_are_cut_in_the_middle_of_handlers_lose_and_double_nothing";
    connections_that_are_cut_use_up_no_attempt(test, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_while_parked_events_are_tried_lose_and_double_nothing() {
    let test = "connections_that_are_cut_while_parked_events_are_tried_lose_and_double_nothing";
    connections_that_are_cut_use_up_no_attempt(test, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_stops_finishes_the_handlers_at_work_and_begins_no_other() {
    let test = "a_consumer_that_stops_finishes_the_handlers_at_work_and_begins_no_other";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let release = marty_events::CancellationToken::new();
    let released = release.clone();
    let handlers = Effects::new("one", move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        let released = released.clone();
        Box::pin(async move {
            released.cancelled().await;
            Ok(())
        })
    });
    topic.publish(&KEYS, 0..3).await;
    let consumer = RunningConsumer::start(topic.consumer(handlers).drain_time(Duration::from_hours(1)));
    wait::until("handlers at work", || async { (0 < begun.load(Ordering::SeqCst)).then_some(()) }).await;
    // The first poll asks it to stop. Nobody sees when it has come to wait for its handlers.
    let released = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        release.cancel();
    };
    tokio::join!(consumer.stop(), released);
    let effects: i64 =
        sqlx::query_scalar("SELECT count(*) FROM effects").fetch_one(&topic.database.pool).await.unwrap();
    assert_eq!(usize::try_from(effects).unwrap(), begun.load(Ordering::SeqCst));
    assert!(effects <= 8, "one of a key, and no successor");
    let consumer = RunningConsumer::start(topic.consumer(Effects::taking("two", Duration::ZERO)));
    topic.until_effects(8 * 3).await;
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS, 0..3).await;
}

/// No key waits longer than this for its next event while a process joins or leaves.
const HAND_OVER: Duration = Duration::from_secs(2);
/// The events of a key that both processes handle beside each other, and that come before the end.
const ROUNDS: i64 = 20;
/// The keys that a second process has at least.
const KEYS_MOVED: i64 = 8;

async fn processes_that_join_and_leave_hand_over_in_time(test: &str, protocol: &str) {
    let Some(topic) = Topic::start(test, 6).await else { return };
    let keys: Vec<String> = (0..24).map(|key| format!("k-{key}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let settings = [("PROTOCOL", protocol), ("TAKES_MILLIS", "1")];
    let first = process(&topic, "first", &settings);
    topic.publish(&keys, 0..1).await;
    topic.until_effects(keys.len()).await;
    let (published, is_over) = (AtomicI64::new(1), AtomicBool::new(false));
    let publishing = async {
        // A key waits for its next event too, and for its handler the longer, the slower the machine is: its slowest moment counts.
        let (mut rest, mut slowest) = (Duration::ZERO, 1.0_f64);
        while !is_over.load(Ordering::SeqCst) {
            let (number, begin) = (published.load(Ordering::SeqCst), Instant::now());
            topic.publish(&keys, number..number + 1).await;
            published.store(number + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            rest = rest.max(begin.elapsed());
            slowest = slowest.max(wait::slowness());
        }
        (published.load(Ordering::SeqCst), rest, slowest)
    };
    let moving = async {
        let second = process(&topic, "second", &settings);
        wait::until("both at work side by side", || async {
            (ROUNDS * KEYS_MOVED <= topic.effects_of("second").await).then_some(())
        })
        .await;
        second.terminate();
        // Its keys are the first one's again, each with an event that came after this.
        let number = published.load(Ordering::SeqCst);
        let later = format!(
            "SELECT count(DISTINCT entry_key) FROM effects WHERE process = 'first' AND {} <= number",
            number + ROUNDS
        );
        wait::until("all keys at work in the first", || async {
            let keys_count = topic.database.number(&later).await.expect("a count");
            (usize::try_from(keys_count) == Ok(keys.len())).then_some(())
        })
        .await;
        is_over.store(true, Ordering::SeqCst);
        second
    };
    let ((number, rest, slowest), _second) = tokio::join!(publishing, moving);
    topic.until_effects(keys.len() * usize::try_from(number).expect("positive")).await;
    drop(first);
    topic.assert_once_in_order(&keys, 0..number).await;
    let sql = "SELECT (1000 * extract(epoch FROM max(wait)))::bigint FROM (
        SELECT at - lag(at) OVER (PARTITION BY entry_key ORDER BY place) AS wait FROM effects WHERE 0 < number) AS waits";
    let longest = Duration::from_millis(topic.database.number(sql).await.expect("a time").unsigned_abs());
    println!("{protocol}: the longest wait of a key is {longest:?}");
    let most = HAND_OVER.mul_f64(slowest) + rest;
    assert!(longest < most, "a key has waited for {longest:?}, beyond {most:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_join_and_leave_a_classic_group_hand_over_in_time() {
    let test = "processes_that_join_and_leave_a_classic_group_hand_over_in_time";
    processes_that_join_and_leave_hand_over_in_time(test, "classic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_join_and_leave_a_group_that_the_broker_balances_hand_over_in_time() {
    let test = "processes_that_join_and_leave_a_group_that_the_broker_balances_hand_over_in_time";
    processes_that_join_and_leave_hand_over_in_time(test, "consumer").await;
}

async fn a_slow_handler_keeps_no_hand_over_waiting(test: &str, protocol: GroupProtocol) {
    let Some(topic) = Topic::start(test, 2).await else { return };
    let handlers = |name: &'static str| {
        Effects::new(name, move |entry, _| {
            let is_slow = entry.number == 7 && name == "first";
            Box::pin(async move {
                if is_slow {
                    std::future::pending::<()>().await;
                }
                Ok(())
            })
        })
    };
    let consumer = |name| {
        let consumer = topic.consumer(handlers(name)).group_protocol(protocol);
        RunningConsumer::start(consumer.handler_timeout(Duration::from_hours(1)))
    };
    let first = consumer("first");
    topic.publish(&KEYS, 0..7).await;
    topic.until_effects(8 * 7).await;
    // Every key of both partitions is at a slow event.
    topic.publish(&KEYS, 7..8).await;
    let begin = Instant::now();
    let second = consumer("second");
    let keys: Vec<String> = (0..40).map(|key| format!("new-{key}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    topic.publish(&keys, 0..1).await;
    let by_second = "SELECT count(*) FROM effects WHERE process = 'second'";
    let mut number = 1;
    loop {
        topic.publish(&keys, number..number + 1).await;
        number += 1;
        if 0 < sqlx::query_scalar::<_, i64>(by_second).fetch_one(&topic.database.pool).await.expect("a count") {
            break;
        }
        wait::assert_within(begin, wait::DEADLINE, "the second has nothing to do while the slow handlers are at work");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("the second works after {:?}", begin.elapsed());
    first.abort().await;
    topic.until_effects(8 * 8 + keys.len() * usize::try_from(number).expect("positive")).await;
    second.stop().await;
    let effects = topic.effects().await;
    for (key, numbers) in effects {
        let count = if key.starts_with("new") { number } else { 8 };
        assert_eq!(numbers, (0..count).collect::<Vec<i64>>(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_handler_keeps_no_hand_over_of_a_classic_group_waiting() {
    let test = "a_slow_handler_keeps_no_hand_over_of_a_classic_group_waiting";
    a_slow_handler_keeps_no_hand_over_waiting(test, GroupProtocol::Classic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_handler_keeps_no_hand_over_of_a_group_that_the_broker_balances_waiting() {
    let test = "a_slow_handler_keeps_no_hand_over_of_a_group_that_the_broker_balances_waiting";
    a_slow_handler_keeps_no_hand_over_waiting(test, GroupProtocol::Consumer).await;
}
