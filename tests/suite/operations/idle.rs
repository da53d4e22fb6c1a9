//! Queries of a relay without events, and its way to the events of other processes.

use std::{
    process::Command,
    str::FromStr,
    time::{Duration, Instant},
};

use marty_events::EventConfig;
use marty_events_tests::{
    counting_proxy::CountingProxy,
    process::{Watched, command_line},
    wait,
};
use sqlx::{ConnectOptions, PgPool, postgres::PgConnectOptions};

use crate::support::{
    events::numbered,
    service::{RunningRelay, Service},
};

/// A relay in a process of its own, where no other test's events wake it; its statements are counted.
struct CountedRelay {
    _relay: Watched,
    proxy: CountingProxy,
}

impl CountedRelay {
    async fn start(service: &Service, arguments: &[&str]) -> Self {
        let options = PgConnectOptions::from_str(&service.database.url).expect("a URL");
        let proxy = CountingProxy::start(&options).await;
        let relay = Watched::start(
            Command::new(command_line())
                .arg("relay")
                .args(arguments)
                .env("DATABASE_URL", proxy.options(options).to_url_lossy().as_str())
                .env("SERVICE_NAME", "suite")
                .env("KAFKA_BROKERS", service.publisher.bootstrap_servers())
                .env("EVENT_TOPIC_PREFIX", &service.prefix),
        );
        wait::until("it to begin", || async { (0 < proxy.sent().executed).then_some(()) }).await;
        Self { _relay: relay, proxy }
    }

    /// The statements in this time at the least, and the time that it was.
    async fn executed_in(&self, time: Duration) -> (u64, Duration) {
        let (before, begin) = (self.proxy.sent(), Instant::now());
        tokio::time::sleep(time).await;
        let executed = (self.proxy.sent() - before).executed;
        (executed, begin.elapsed())
    }

    /// Waits until it executes no more than `most` statements in two seconds, as it does some time after an event.
    async fn until_idle(&self, most: u64) {
        let begin = Instant::now();
        while most < self.executed_in(Duration::from_secs(2)).await.0 {
            wait::assert_within(begin, wait::DEADLINE, "a relay at rest");
        }
    }
}

async fn write_one(service: &Service, number: usize) {
    let mut transaction = service.database.pool.begin().await.expect("a transaction");
    service.publisher.publish_in(&mut transaction, numbered("k", number)).await.expect("it is written");
    transaction.commit().await.expect("the commit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_hears_of_the_events_of_other_processes() {
    let Some(service) = Service::start("a_relay_hears_of_the_events_of_other_processes").await else { return };
    // By itself it looks every 20 minutes.
    let relay = CountedRelay::start(&service, &["--lease-time", "1h", "--idle-poll", "1h"]).await;
    for number in 0..2 {
        relay.until_idle(0).await;
        write_one(&service, number).await;
        service.reader.events(number + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_does_not_listen_finds_the_events_of_other_processes_by_looking() {
    let test = "a_relay_that_does_not_listen_finds_the_events_of_other_processes_by_looking";
    let Some(service) = Service::start(test).await else { return };
    let relay = CountedRelay::start(&service, &["--no-listen"]).await;
    for number in 0..2 {
        relay.until_idle(3).await;
        write_one(&service, number).await;
        service.reader.events(number + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_relay_asks_at_most_one_query_a_second() {
    let Some(service) = Service::start("a_quiet_relay_asks_at_most_one_query_a_second").await else { return };
    let relay = CountedRelay::start(&service, &[]).await;
    write_one(&service, 0).await;
    service.reader.events(1).await;
    relay.until_idle(3).await;
    // A heartbeat that fails on a busy machine is tried again; the next twelve seconds are another chance.
    let begin = Instant::now();
    loop {
        let (executed, time) = relay.executed_in(Duration::from_secs(12)).await;
        assert_ne!(executed, 0, "it is at work");
        if executed <= time.as_secs() {
            break;
        }
        wait::assert_within(begin, wait::DEADLINE, format_args!("{executed} statements in {time:?}"));
    }
}

/// The number of the outbox's blocks that were looked at so far.
async fn blocks(pool: &PgPool) -> i64 {
    let sql = "SELECT heap_blks_read + heap_blks_hit FROM pg_statio_user_tables WHERE relname = 'event_outbox'";
    sqlx::query_scalar(sql).fetch_one(pool).await.expect("the counts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_the_same_whatever_lies_dead_before_it() {
    let Some(service) = Service::start("a_page_costs_the_same_whatever_lies_dead_before_it").await else { return };
    let pool = &service.database.pool;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *reader).await.unwrap();
    sqlx::query("SELECT count(*) FROM event_outbox").execute(&mut *reader).await.unwrap();
    for part in 0..10 {
        let mut transaction = pool.begin().await.unwrap();
        let events = (0..5_000).map(|number| numbered("k", 5_000 * part + number));
        service.publisher.publish_all_in(&mut transaction, events).await.unwrap();
        transaction.commit().await.unwrap();
    }
    sqlx::query("DELETE FROM event_outbox").execute(pool).await.unwrap();
    sqlx::query("ANALYZE event_outbox").execute(pool).await.unwrap();
    let sql = "SELECT relpages::bigint FROM pg_class WHERE relname = 'event_outbox'";
    let dead: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
    assert!(4_000 < dead, "{dead} blocks of dead rows");

    // A count of the outbox for the gauges reads all of it, and is not a page.
    let uncounted = EventConfig::builder().service_name("suite").topic_prefix(&service.prefix).enable_metrics(false);
    let uncounted = uncounted.brokers(service.publisher.bootstrap_servers()).build().unwrap();
    let relay = RunningRelay::start(service.relay().config(uncounted));
    let deliver = async |count: usize| {
        let mut transaction = pool.begin().await.unwrap();
        service.publisher.publish_in(&mut transaction, numbered("k", count)).await.unwrap();
        transaction.commit().await.unwrap();
        service.reader.events(count).await;
    };
    let mut count = 0;
    let mut deliver_for = async |time: Duration| {
        let begin = std::time::Instant::now();
        while begin.elapsed() < time {
            count += 1;
            deliver(count).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        count
    };
    // A relay begins at the beginning, and a session reports its counts once a second.
    let begun = deliver_for(Duration::from_secs(3)).await;
    let before = blocks(pool).await;
    // Several pages, and several times that the relay says that it is alive.
    let events = deliver_for(Duration::from_secs(4)).await - begun;
    let looked_at = wait::until("the sessions' reports", || async {
        let now = blocks(pool).await;
        (before < now).then_some(now - before)
    })
    .await;
    assert!(looked_at < dead, "{looked_at} blocks for {events} events, beside {dead} of dead rows");
    relay.stop().await;
    drop(reader);
}
