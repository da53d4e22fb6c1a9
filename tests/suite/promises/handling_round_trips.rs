//! The cost of handling an event, counted between the consumer and its database.

use std::{str::FromStr, time::Duration};

use marty_events_tests::{
    counting_proxy::{CountingProxy, Sent},
    effects::Effects,
};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::support::handling::{RunningConsumer, Topic};

const KEYS: [&str; 8] = ["k-0", "k-1", "k-2", "k-3", "k-4", "k-5", "k-6", "k-7"];
const EVENTS: u64 = 400;

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
    let options = PgConnectOptions::from_str(&topic.database.url).expect("a URL");
    let proxy = CountingProxy::start(&options).await;
    let pool = PgPoolOptions::new().connect_with(proxy.options(options)).await.expect("a pool");
    by_hand(&proxy, &pool, 0).await;
    let of_hand = by_hand(&proxy, &pool, 1).await.round_trips();
    sqlx::query("DELETE FROM effects").execute(&topic.database.pool).await.expect("no effects");

    topic.publish(&KEYS, 0..50).await;
    let before = proxy.sent();
    let handlers = Effects::taking("one", Duration::from_millis(1));
    let consumer = RunningConsumer::start(topic.consumer_in(&pool, handlers).concurrency(1));
    topic.until_effects(8 * 50).await;
    let sent = proxy.sent() - before;
    consumer.stop().await;
    println!("by hand {of_hand} round trips for an event; by the consumer {sent:?} for {EVENTS}");
    assert!(sent.round_trips() <= of_hand * EVENTS, "{sent:?}, and {of_hand} for each of {EVENTS} by hand");
    assert!(sent.parsed < EVENTS / 4, "statements are prepared once for a connection: {sent:?}");
    topic.assert_once_in_order(&KEYS, 0..50).await;
}
