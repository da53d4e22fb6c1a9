//! Locks of somebody else: on the table of the dead letters, on one row of the outbox, and on the outbox itself.

use std::time::{Duration, Instant};

use marty_events_tests::topics;

use crate::{
    figures::{SOON, say},
    fixture::{Fixture, HEALTHY, Kind, event, large},
    relays::Relay,
};

async fn dead_letters_are_locked(test: &str, kind: Kind) {
    let Some(fixture) = Fixture::new(test, kind).await else { return };
    topics::make(&fixture.brokers, &fixture.topic("narrow"), 1, &[("max.message.bytes", "2000")]).await;
    let relay = Relay::start(fixture.relay().max_attempts(1));
    fixture.deliveries.until_all(&fixture.write_healthy(3).await).await;
    let mut lock = fixture.begin().await;
    match kind {
        Kind::Postgres => lock.sql("LOCK TABLE event_outbox_dead_letters IN ACCESS EXCLUSIVE MODE").await,
        Kind::MariaDb => lock.sql("LOCK TABLES event_outbox_dead_letters WRITE").await,
    }
    fixture.write([large("narrow", "poison", 5_000)]).await;
    // 15 s and longer: the lock is held until they are there.
    let mut ids = Vec::new();
    for _ in 0..75 {
        ids.extend(fixture.write_healthy(5).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let meanwhile = fixture.deliveries.count(&ids);
    let arrived = fixture.deliveries.await_all(&ids, SOON).await;
    lock.sql(if kind == Kind::MariaDb { "UNLOCK TABLES" } else { "ROLLBACK" }).await;
    let died = marty_events_tests::wait::within(2 * SOON, "the poison among the dead letters", || async {
        (fixture.outbox.stats().await.ok()?.dead == 1).then_some(())
    });
    died.await;
    say(
        "lock",
        format_args!("{}, the table of the dead letters is locked, one event is poison", kind.name()),
        format_args!("{meanwhile} of {} within 15 s, {arrived} more", ids.len()),
    );
    drop(relay);
    arrived.assert_all("events beside a locked table");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_flow_while_the_dead_letters_are_locked_in_postgresql() {
    dead_letters_are_locked("events_flow_while_the_dead_letters_are_locked_in_postgresql", Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_flow_while_the_dead_letters_are_locked_in_mariadb() {
    dead_letters_are_locked("events_flow_while_the_dead_letters_are_locked_in_mariadb", Kind::MariaDb).await;
}

async fn a_row_is_locked(test: &str, kind: Kind) {
    let Some(fixture) = Fixture::new(test, kind).await else { return };
    // Before a relay runs, so that there is a row to lock.
    let locked = fixture.write([event(HEALTHY, "locked", 0)]).await;
    let mut lock = fixture.begin().await;
    // By its number, or MariaDB would lock the gap behind it too, and with it every insert.
    let seq = fixture.number("SELECT min(seq) FROM event_outbox").await;
    lock.sql(&format!("SELECT seq FROM event_outbox WHERE seq = {seq} FOR UPDATE")).await;
    let relay = Relay::start(fixture.relay());
    let first = fixture.deliveries.await_all(&locked, SOON).await;
    // More than a window has room for.
    let mut ids = Vec::new();
    for round in 0..60 {
        ids.extend(fixture.write((0..100).map(|key| event(HEALTHY, &format!("k-{key}"), round))).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let arrived = fixture.deliveries.await_all(&ids, SOON).await;
    let stats = fixture.outbox.stats().await.expect("the counts");
    lock.sql("ROLLBACK").await;
    say(
        "lock",
        format_args!("{}, one row of the outbox is locked", kind.name()),
        format_args!("the row's event {first}; others {arrived}; then {} wait to be settled", stats.pending),
    );
    drop(relay);
    first.assert_all("the event whose row is locked");
    arrived.assert_all("events beside a locked row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_flow_while_a_row_is_locked_in_postgresql() {
    a_row_is_locked("events_flow_while_a_row_is_locked_in_postgresql", Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_flow_while_a_row_is_locked_in_mariadb() {
    a_row_is_locked("events_flow_while_a_row_is_locked_in_mariadb", Kind::MariaDb).await;
}

/// The lease of these relays: the lock lasts two of them.
const LEASE: Duration = Duration::from_secs(8);

async fn the_outbox_is_locked(test: &str, kind: Kind) {
    let Some(fixture) = Fixture::new(test, kind).await else { return };
    let relays = [(); 2].map(|()| Relay::start(fixture.relay().lease_time(LEASE)));
    fixture.until_working(2, 2 * SOON).await;
    fixture.deliveries.until_all(&fixture.write_healthy(3).await).await;
    // Enough to be reading when the lock comes.
    let ids = fixture.write((0..3_000).map(|key| event(HEALTHY, &format!("k-{key}"), 0))).await;
    let mut lock = fixture.begin().await;
    match kind {
        Kind::Postgres => lock.sql("LOCK TABLE event_outbox IN ACCESS EXCLUSIVE MODE").await,
        Kind::MariaDb => lock.sql("LOCK TABLES event_outbox WRITE").await,
    }
    let over = match kind {
        Kind::Postgres => "SELECT count(*) FROM event_outbox_relays WHERE expires_at < clock_timestamp()",
        Kind::MariaDb => {
            "SELECT count(*) FROM event_outbox_relays
            WHERE expires_at < timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))"
        }
    };
    let begin = Instant::now();
    let (mut looks, mut expired) = (0, 0);
    while begin.elapsed() < 2 * LEASE {
        looks += 1;
        expired += fixture.number(over).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    lock.sql(if kind == Kind::MariaDb { "UNLOCK TABLES" } else { "ROLLBACK" }).await;
    let arrived = fixture.deliveries.await_all(&ids, SOON).await;
    say(
        "lock",
        format_args!("{}, the outbox itself is locked for two leases, two relays", kind.name()),
        format_args!("{expired} leases over in {looks} looks; then {arrived}"),
    );
    drop(relays);
    arrived.assert_all("events of an outbox that was locked");
    assert_eq!(expired, 0, "no heartbeat waits for a read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_keep_their_leases_while_the_outbox_is_locked_in_postgresql() {
    the_outbox_is_locked("relays_keep_their_leases_while_the_outbox_is_locked_in_postgresql", Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_keep_their_leases_while_the_outbox_is_locked_in_mariadb() {
    the_outbox_is_locked("relays_keep_their_leases_while_the_outbox_is_locked_in_mariadb", Kind::MariaDb).await;
}
