//! A relay's memory, for any backlog in the outbox.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use marty_events::{DomainEvent, EventConfig, EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{
    database::TestDatabase,
    kafka::prefix,
    process::{Watched, command_line},
    servers, topics, wait,
};

use crate::support::{
    events::numbered,
    service::{RunningRelay, config},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_large_events_takes_no_more_memory_than_there_is_for_it() {
    const EVENTS: usize = 150;
    const SIZE: usize = 900_000;
    let test = "a_backlog_of_large_events_takes_no_more_memory_than_there_is_for_it";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let prefix = prefix();
    let publisher = EventPublisher::new(&config(&brokers, &prefix)).unwrap();
    let payload = "x".repeat(SIZE);
    for _ in 0..10 {
        let events = (0..EVENTS / 10).map(|key| DomainEvent::new("account", key, "moved").data(&payload));
        let mut transaction = database.pool.begin().await.unwrap();
        publisher.publish_all_in(&mut transaction, events).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let relay = Watched::start(
        Command::new(command_line())
            .args(["relay", "--in-flight-bytes", "8000000"])
            .env("DATABASE_URL", &database.url)
            .env("SERVICE_NAME", "suite")
            .env("KAFKA_BROKERS", &brokers)
            .env("EVENT_TOPIC_PREFIX", &prefix),
    );
    let outbox = OutboxRepository::new(&database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    let peak = relay.peak_memory();
    println!("{} bytes of backlog, {peak} bytes at the most", EVENTS * SIZE);
    assert!(0 < peak && peak < 100_000_000, "{peak} bytes");
    let sent = topics::records(&brokers, &prefix).await;
    assert_eq!(usize::try_from(sent).unwrap(), EVENTS);
}

#[tokio::test]
async fn a_relay_reads_no_more_rows_than_it_has_room_for() {
    let Some(database) = TestDatabase::create("a_relay_reads_no_more_rows_than_it_has_room_for").await else { return };
    let pool = &database.pool;
    // Nobody listens there, so nothing leaves the outbox. A count of the outbox for the gauges reads all of it.
    let config = EventConfig::builder().service_name("suite").topic_prefix(prefix()).enable_metrics(false);
    let config = config.brokers("127.0.0.1:1").build().unwrap();
    let publisher = EventPublisher::new(&config).unwrap();
    let mut transaction = pool.begin().await.unwrap();
    let events = (0..5_000).map(|number| numbered(&format!("k-{number}"), number));
    publisher.publish_all_in(&mut transaction, events).await.unwrap();
    transaction.commit().await.unwrap();
    let relay = OutboxRelay::builder(pool).config(config).in_flight(100).batch_size(50).drain_time(Duration::ZERO);
    let relay = RunningRelay::start(relay);
    let read = async || {
        let sql =
            "SELECT coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_user_tables WHERE relname = 'event_outbox'";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(pool).await.expect("the counts")
    };
    wait::until("a full relay", || async { (100 <= read().await).then_some(()) }).await;
    // It would have read the rest in less.
    let begin = Instant::now();
    wait::until("some time to pass", || async { (Duration::from_secs(3) < begin.elapsed()).then_some(()) }).await;
    let read = read().await;
    assert!(read <= 1_000, "{read} rows");
    relay.stop().await;
}
