//! Several relays: they share the lanes, give them away, take over, and never deliver the same key at the same time.

use std::{process::Command, time::Duration};

use marty_events::{DomainEvent, OutboxRepository};
use marty_events_tests::{
    process::{Watched, command_line},
    wait,
};
use sqlx::PgPool;

use crate::support::{
    events::{histories, numbered},
    service::{RunningRelay, Service},
};

const KEYS: usize = 40;

/// The number of lanes of each relay whose lease has not run out, the largest number first.
async fn shares(pool: &PgPool) -> Vec<i64> {
    let sql = "SELECT count(*) FROM event_outbox_lanes JOIN event_outbox_relays ON relay = owner
        WHERE clock_timestamp() <= expires_at GROUP BY owner ORDER BY 1 DESC";
    sqlx::query_scalar(sql).fetch_all(pool).await.expect("the lanes")
}

async fn until_shares(pool: &PgPool, expected: &[i64]) {
    wait::until(&format!("shares of {expected:?}"), || async { (shares(pool).await == expected).then_some(()) }).await;
}

/// Writes one event. If the first settlement finds that the lanes are lost, other events in flight may not arrive.
async fn write_one(service: &Service) {
    let mut transaction = service.database.pool.begin().await.expect("a transaction");
    service.publisher.publish_in(&mut transaction, numbered("k", 0)).await.expect("it is written");
    transaction.commit().await.expect("the commit");
}

/// Writes one event of each key, numbered `number`, in a transaction.
async fn write_all(service: &Service, number: usize) {
    let mut transaction = service.database.pool.begin().await.expect("a transaction");
    let all = (0..KEYS).map(|key| numbered(&format!("k-{key}"), number));
    service.publisher.publish_all_in(&mut transaction, all).await.expect("they are written");
    transaction.commit().await.expect("the commit");
}

fn assert_in_order(records: &[marty_events_tests::kafka::Record], rounds: usize) {
    let histories = histories(records);
    assert_eq!(histories.len(), KEYS);
    let expected: Vec<i64> = (0..).take(rounds).collect();
    for (key, history) in histories {
        assert_eq!(history, expected, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_share_the_lanes_as_they_come_and_go_and_every_key_keeps_its_order() {
    let test = "relays_share_the_lanes_as_they_come_and_go_and_every_key_keeps_its_order";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let mut written = 0;
    let mut write = async |rounds: usize| {
        for _ in 0..rounds {
            write_all(&service, written).await;
            written += 1;
        }
        written
    };
    let first = service.run_relay();
    until_shares(pool, &[16]).await;
    write(5).await;
    let second = service.run_relay();
    write(5).await;
    until_shares(pool, &[8, 8]).await;
    let third = service.run_relay();
    write(5).await;
    until_shares(pool, &[6, 6, 4]).await;
    write(5).await;
    first.abort().await;
    write(5).await;
    until_shares(pool, &[8, 8]).await;
    second.stop().await;
    write(5).await;
    until_shares(pool, &[16]).await;
    let rounds = write(5).await;
    let records = service.reader.events(rounds * KEYS).await;
    assert_in_order(&records, rounds);
    third.stop().await;
    assert_eq!(shares(pool).await, [] as [i64; 0], "nothing is held by one that has stopped");
    let (stats, written) = (OutboxRepository::new(pool).stats().await.unwrap(), (rounds * KEYS) as u64);
    // The relay that was aborted has not reported its settlements since its last heartbeat.
    assert!(stats.pending == 0 && stats.published <= written && written / 2 < stats.published, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_was_paused_past_its_lease_settles_nothing_and_breaks_no_order() {
    let test = "a_relay_that_was_paused_past_its_lease_settles_nothing_and_breaks_no_order";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let program = command_line();
    let paused = Watched::start(
        Command::new(&program)
            .args(["relay", "--lease-time", "1s"])
            .env("DATABASE_URL", &service.database.url)
            .env("SERVICE_NAME", "suite")
            .env("KAFKA_BROKERS", service.publisher.bootstrap_servers())
            .env("EVENT_TOPIC_PREFIX", &service.prefix),
    );
    until_shares(pool, &[16]).await;
    let rounds = 60;
    for number in 0..rounds / 2 {
        write_all(&service, number).await;
    }
    wait::until("it to be at work", || async { (!service.reader.records().is_empty()).then_some(()) }).await;
    paused.pause();
    let owner = "SELECT DISTINCT owner FROM event_outbox_lanes";
    let old: uuid::Uuid = sqlx::query_scalar(owner).fetch_one(pool).await.unwrap();
    let relay = service.run_relay();
    for number in rounds / 2..rounds {
        write_all(&service, number).await;
    }
    wait::until("the take-over", || async {
        let new: uuid::Uuid = sqlx::query_scalar(owner).fetch_one(pool).await.unwrap();
        (new != old).then_some(())
    })
    .await;
    paused.resume();
    let records = service.reader.events(rounds * KEYS).await;
    assert_in_order(&records, rounds);
    let outbox = OutboxRepository::new(pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    // The one that was paused comes back as one of two, by fair means.
    until_shares(pool, &[8, 8]).await;
    write_all(&service, rounds).await;
    assert_in_order(&service.reader.events((rounds + 1) * KEYS).await, rounds + 1);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
    // It tells of the last ones with a heartbeat. A settlement under an old term would count twice.
    let all = ((rounds + 1) * KEYS) as u64;
    wait::until("every event to be counted", || async { (all <= outbox.stats().await.ok()?.published).then_some(()) })
        .await;
    assert_eq!(outbox.stats().await.unwrap().published, all, "every event was settled once");
}

#[tokio::test]
async fn a_crashed_relay_is_followed_within_five_seconds_with_the_defaults() {
    let test = "a_crashed_relay_is_followed_within_five_seconds_with_the_defaults";
    let Some(service) = Service::start(test).await else { return };
    let relay = || {
        RunningRelay::start(marty_events::OutboxRelay::builder(&service.database.pool).config(service.config.clone()))
    };
    let first = relay();
    until_shares(&service.database.pool, &[16]).await;
    let second = relay();
    until_shares(&service.database.pool, &[8, 8]).await;
    first.abort().await;
    let crashed = std::time::Instant::now();
    let mut transaction = service.database.pool.begin().await.unwrap();
    let all = (0..KEYS).map(|key| DomainEvent::new("account", format!("k-{key}"), "moved"));
    service.publisher.publish_all_in(&mut transaction, all).await.unwrap();
    transaction.commit().await.unwrap();
    service.reader.events(KEYS).await;
    let taken = crashed.elapsed();
    println!("all lanes were at work again {taken:?} after the crash");
    wait::assert_within(crashed, Duration::from_secs(6), "the lease, and the time that Kafka takes");
    second.stop().await;
}

#[tokio::test]
async fn a_relay_whose_lanes_were_taken_settles_nothing_by_its_old_terms() {
    let test = "a_relay_whose_lanes_were_taken_settles_nothing_by_its_old_terms";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    // It asks for its lanes every 20 minutes, so it is the settling statement that finds out.
    let hour = Duration::from_hours(1);
    let relay = RunningRelay::start(service.relay().lease_time(hour).idle_poll(hour));
    until_shares(pool, &[16]).await;
    let registered = async || {
        let sql = "SELECT expires_at::text FROM event_outbox_relays WHERE expires_at < 'infinity'";
        sqlx::query_scalar::<_, String>(sql).fetch_one(pool).await.expect("one relay")
    };
    let before = registered().await;
    let taken = "WITH other AS (
            INSERT INTO event_outbox_relays (relay, expires_at) VALUES (gen_random_uuid(), 'infinity') RETURNING relay
        )
        UPDATE event_outbox_lanes SET owner = relay, term = term + 1 FROM other";
    sqlx::query(taken).execute(pool).await.unwrap();
    write_one(&service).await;
    service.reader.events(1).await;
    // Then it asks anew, and gets no lane.
    wait::until("it to find out", || async { (registered().await != before).then_some(()) }).await;
    let stats = OutboxRepository::new(pool).stats().await.unwrap();
    assert_eq!((stats.pending, stats.published), (1, 0), "it is the new owner's to settle");
    relay.stop().await;
}

#[tokio::test]
async fn a_relay_that_lost_its_lanes_and_has_them_again_settles_nothing_by_its_old_terms() {
    let test = "a_relay_that_lost_its_lanes_and_has_them_again_settles_nothing_by_its_old_terms";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let hour = Duration::from_hours(1);
    let relay = RunningRelay::start(service.relay().lease_time(hour).idle_poll(hour));
    until_shares(pool, &[16]).await;
    // Others had them in between.
    sqlx::query("UPDATE event_outbox_lanes SET term = term + 2").execute(pool).await.unwrap();
    write_one(&service).await;
    let outbox = OutboxRepository::new(pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
    assert_eq!(outbox.stats().await.unwrap().published, 1);
    let sent = marty_events_tests::topics::records(service.publisher.bootstrap_servers(), &service.prefix).await;
    assert_eq!(sent, 2, "what it knew by its old terms is forgotten, and read anew");
}

#[tokio::test]
async fn a_relay_that_stops_is_followed_at_once_by_one_that_waits() {
    let test = "a_relay_that_stops_is_followed_at_once_by_one_that_waits";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    // By themselves they look every 20 minutes.
    let hour = Duration::from_hours(1);
    let relay = || RunningRelay::start(service.relay().lease_time(hour).idle_poll(hour));
    let first = relay();
    until_shares(pool, &[16]).await;
    let second = relay();
    let outbox = OutboxRepository::new(pool);
    wait::until("two relays", || async { (outbox.relays().await.ok()?.len() == 2).then_some(()) }).await;
    // It hears of nothing before it listens.
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    wait::until("two that listen", || async {
        let listening: i64 = sqlx::query_scalar(listening).fetch_one(pool).await.ok()?;
        (listening == 2).then_some(())
    })
    .await;
    first.stop().await;
    until_shares(pool, &[16]).await;
    second.stop().await;
}
