//! The cost of handling an event, counted between the consumer and its database.

use std::{
    ops::Range,
    str::FromStr,
    time::{Duration, Instant},
};

use marty_events_tests::{
    counting_proxy::{CountingProxy, Sent},
    effects::Effects,
    faulty_network::{Condition, FaultyNetwork},
    wait,
};
use sqlx::{
    PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::support::handling::{RunningConsumer, Topic};

const KEYS: [&str; 8] = ["k-0", "k-1", "k-2", "k-3", "k-4", "k-5", "k-6", "k-7"];
const EVENTS: u64 = 400;
const HOUR: Duration = Duration::from_hours(1);

/// A pool of the topic's database whose round trips are counted.
async fn counted(topic: &Topic) -> (CountingProxy, PgPool) {
    let options = PgConnectOptions::from_str(&topic.database.url).expect("a URL");
    let proxy = CountingProxy::start(&options).await;
    let pool = PgPoolOptions::new().connect_with(proxy.options(options)).await.expect("a pool");
    (proxy, pool)
}

/// The round trips that the work beside the events may take since `begin`, so many a second: the more, the slower the machine is.
fn beside(begin: Instant, a_second: u64) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).expect("a short time") * a_second / 1_000
}

/// A worker with a lag gives its connection back and takes another ten times a second, which is four round trips. Others look for parked events.
const WITH_A_LAG: u64 = 50;
/// A worker at rest takes a connection anew each second.
const AT_REST: u64 = 8;

/// A careful author's transaction: the row of the inbox, the effect, and the commit. The pool asks its connection before and behind it.
async fn by_hand(proxy: &CountingProxy, pool: &PgPool, number: i64) -> Sent {
    let before = proxy.sent();
    let mut transaction = pool.begin().await.expect("a transaction");
    let claim = "INSERT INTO event_inbox (consumer_group, event_id) VALUES ('by-hand', $1) ON CONFLICT DO NOTHING";
    sqlx::query(claim).bind(number.to_string()).execute(&mut *transaction).await.expect("a new event");
    let effect = "INSERT INTO effects (entry_key, number, process) VALUES ('by-hand', $1, 'by-hand')";
    sqlx::query(effect).bind(number).execute(&mut *transaction).await.expect("an effect");
    transaction.commit().await.expect("a commit");
    proxy.sent() - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_costs_no_more_round_trips_than_a_loop_by_hand() {
    let Some(topic) = Topic::start("an_event_costs_no_more_round_trips_than_a_loop_by_hand", 1).await else { return };
    let (proxy, pool) = counted(&topic).await;
    by_hand(&proxy, &pool, 0).await;
    let of_hand = by_hand(&proxy, &pool, 1).await.round_trips();
    sqlx::query("DELETE FROM effects").execute(&topic.database.pool).await.expect("no effects");

    topic.publish(&KEYS, 0..50).await;
    let before = proxy.sent();
    let handlers = Effects::taking("one", Duration::from_millis(1));
    let consumer = RunningConsumer::start(topic.consumer_in(&pool, handlers).concurrency(1));
    topic.until_effects(1).await;
    let begin = Instant::now();
    topic.until_effects(8 * 50).await;
    let (sent, beside) = (proxy.sent() - before, beside(begin, WITH_A_LAG));
    consumer.stop().await;
    println!("by hand {of_hand} round trips for an event; by the consumer {sent:?} for {EVENTS}");
    let most = of_hand * EVENTS + beside;
    assert!(sent.round_trips() <= most, "{sent:?}, and {of_hand} for each of {EVENTS} by hand, {beside} beside them");
    assert!(sent.parsed < EVENTS / 4, "statements are prepared once for a connection: {sent:?}");
    topic.assert_once_in_order(&KEYS, 0..50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_behind_a_parked_one_costs_no_more_than_one_that_is_handled() {
    // The claim, the row and the commit; and one for the work beside.
    const MOST: u64 = 4;
    let test = "an_event_behind_a_parked_one_costs_no_more_than_one_that_is_handled";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let (proxy, pool) = counted(&topic).await;
    topic.publish(&KEYS[..1], 0..401).await;
    let before = proxy.sent();
    let handlers = Effects::new("one", |_, _: &mut Transaction<'static, Postgres>| {
        Box::pin(async { Err(sqlx::Error::Protocol("poison".to_owned()).into()) })
    });
    let consumer = topic.consumer_in(&pool, handlers).concurrency(1).retry_delay(HOUR).longest_retry_delay(HOUR);
    let consumer = RunningConsumer::start(consumer);
    wait::until("the first one to be parked", || async { (0 < topic.parked("waiting").await).then_some(()) }).await;
    let begin = Instant::now();
    wait::until("every event to be parked", || async { (topic.parked("waiting").await == 401).then_some(()) }).await;
    let (sent, beside) = (proxy.sent() - before, beside(begin, WITH_A_LAG));
    consumer.stop().await;
    assert!(sent.round_trips() <= MOST * EVENTS + beside, "{sent:?} for {EVENTS} behind another one, {beside} beside");
}

/// Events that come one at a time: the next one is published when the effect of the one before it is there.
async fn trickle(topic: &Topic, numbers: Range<i64>) {
    for number in numbers {
        topic.publish(&KEYS[..1], number..number + 1).await;
        topic.until_effects(usize::try_from(number).expect("a count") + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_comes_alone_costs_its_transaction_and_no_questions_of_the_pool() {
    const ROUND: i64 = 20;
    // `BEGIN`, the claim, the effect and the commit; and one for the work beside, such as the look for parked events.
    const MOST: u64 = 5;
    let test = "an_event_that_comes_alone_costs_its_transaction_and_no_questions_of_the_pool";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let (proxy, pool) = counted(&topic).await;
    let handlers = Effects::taking("one", Duration::ZERO);
    let consumer = RunningConsumer::start(topic.consumer_in(&pool, handlers).concurrency(1));
    trickle(&topic, 0..1).await;
    let (mut number, all) = (1, Instant::now());
    // In a slow moment the worker gives its connection back, and the next round is another chance.
    loop {
        let (before, begin) = (proxy.sent(), Instant::now());
        trickle(&topic, number..number + ROUND).await;
        number += ROUND;
        let (sent, beside) = (proxy.sent() - before, beside(begin, AT_REST));
        println!("{sent:?} for {ROUND} events, {beside} may be beside them");
        if sent.round_trips() <= MOST * ROUND.unsigned_abs() + beside {
            break;
        }
        wait::assert_within(all, wait::DEADLINE, format_args!("{sent:?} for {ROUND} events"));
    }
    consumer.stop().await;
    topic.assert_once_in_order(&KEYS[..1], 0..number).await;
}

/// A worker that has kept its connection has a transaction from before the event. With `is_slow`, the answer to every other commit takes a while,
/// in which the next event comes: less than the time after which a worker gives its connection back.
async fn the_time_of_a_transaction_is_not_before_its_event(test: &str, is_slow: bool) {
    const EVENTS: usize = 40;
    const ANSWER: Condition = Condition::AnswersSlow(Duration::from_millis(60));
    let Some(topic) = Topic::start(test, 1).await else { return };
    let pool = &topic.database.pool;
    let network = FaultyNetwork::start().await;
    let by_network = PgPool::connect_lazy(&network.url(&topic.database.url)).expect("a URL");
    let table = "CREATE TABLE begun (number bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())";
    sqlx::raw_sql(table).execute(pool).await.expect("a table");
    let slowed = network.clone();
    let handlers = Effects::new("one", move |entry, tx: &mut Transaction<'static, Postgres>| {
        let slowed = slowed.clone();
        Box::pin(async move {
            sqlx::query("INSERT INTO begun (number) VALUES ($1)").bind(entry.number).execute(&mut **tx).await?;
            if is_slow && entry.number % 2 == 0 {
                slowed.set(ANSWER);
            }
            Ok(())
        })
    });
    let consumer = RunningConsumer::start(topic.consumer_in(&by_network, handlers).concurrency(1));
    let mut published: Vec<String> = Vec::new();
    for number in 0.. {
        if published.len() == EVENTS {
            break;
        }
        if number % 2 == 0 {
            network.set(Condition::Good);
        }
        published.push(sqlx::query_scalar("SELECT clock_timestamp()::text").fetch_one(pool).await.expect("a time"));
        topic.publish(&KEYS[..1], number..number + 1).await;
        // The next one comes at once, so nothing else is waited for in between.
        let begin = Instant::now();
        let effects = async || topic.database.number("SELECT count(*) FROM effects").await.expect("a count");
        while effects().await <= number {
            wait::assert_within(begin, wait::DEADLINE, "the effect");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    consumer.stop().await;
    let early =
        "SELECT count(*) FROM begun JOIN unnest($1::text[]::timestamptz[]) WITH ORDINALITY AS published (at, place)
        ON published.place = begun.number + 1 WHERE begun.at < published.at";
    let early: i64 = sqlx::query_scalar(early).bind(&published).fetch_one(pool).await.expect("a count");
    assert_eq!(early, 0, "of {EVENTS} transactions began before their event");
    topic.assert_once_in_order(&KEYS[..1], 0..i64::try_from(EVENTS).expect("a count")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_handlers_transaction_is_not_before_its_event() {
    let test = "the_time_of_a_handlers_transaction_is_not_before_its_event";
    the_time_of_a_transaction_is_not_before_its_event(test, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_transaction_that_a_slow_commit_has_begun_is_not_before_its_event() {
    let test = "the_time_of_a_transaction_that_a_slow_commit_has_begun_is_not_before_its_event";
    the_time_of_a_transaction_is_not_before_its_event(test, true).await;
}
