//! Relays that died, and leases that a clock has spoilt.

use std::time::{Duration, Instant};

use marty_events_tests::process::Watched;

use crate::{
    figures::{SOON, say, size},
    fixture::{Fixture, HEALTHY, Kind, event},
    relays::{self, Relay},
};

/// A lease, and a second.
const IN_TIME: Duration = Duration::from_secs(5);

async fn start_relay_to_kill(fixture: &Fixture) -> Watched {
    let relay = relays::start_process(fixture);
    fixture.until_working(2, 2 * SOON).await;
    relay
}

async fn write(fixture: &Fixture) -> Vec<uuid::Uuid> {
    fixture.write((0..160).map(|_| event(HEALTHY, &uuid::Uuid::new_v4().to_string(), 0))).await
}

/// Sets every lease an hour ahead, in whichever tables they are.
async fn spoil_leases(fixture: &Fixture) {
    for table in ["event_outbox_lanes", "event_outbox_relays"] {
        let schema = if fixture.kind == Kind::Postgres { "current_schema()" } else { "database()" };
        let has_leases = format!(
            "SELECT count(*) FROM information_schema.columns
            WHERE table_schema = {schema} AND table_name = '{table}' AND column_name = 'expires_at'"
        );
        if fixture.number(&has_leases).await == 1 {
            let hour = if fixture.kind == Kind::Postgres { "interval '1 hour'" } else { "3600000000" };
            fixture.sql(&format!("UPDATE {table} SET expires_at = expires_at + {hour}")).await;
        }
    }
}

async fn is_followed(test: &str, kind: Kind) {
    let Some(fixture) = Fixture::new(test, kind).await else { return };
    let survivor = Relay::start(fixture.relay());
    fixture.deliveries.until_all(&write(&fixture).await).await;
    let (mut times, mut arrived) = (Vec::new(), Vec::new());
    for _ in 0..size(5, 20) {
        let relay = start_relay_to_kill(&fixture).await;
        let killed = Instant::now();
        let _ = relay.kill();
        arrived.push(fixture.deliveries.await_all(&write(&fixture).await, SOON).await);
        times.push(killed.elapsed());
    }
    let in_time = times.iter().filter(|time| **time <= IN_TIME).count();
    times.sort_unstable();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    say(
        "take_over",
        format_args!("{}, {} kills", kind.name(), times.len()),
        format_args!(
            "{in_time} followed within 5 s, half of them within {:.2} s, the last within {:.2} s",
            median.as_secs_f64(),
            longest.as_secs_f64()
        ),
    );
    drop(survivor);
    for arrived in arrived {
        arrived.assert_all("events of the lanes of a relay that was killed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_relay_is_followed_in_postgresql() {
    is_followed("a_killed_relay_is_followed_in_postgresql", Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_relay_is_followed_in_mariadb() {
    is_followed("a_killed_relay_is_followed_in_mariadb", Kind::MariaDb).await;
}

/// As where the clock of the database was ahead when the relay died, and was set right.
async fn is_followed_past_its_lease(test: &str, kind: Kind) {
    let Some(fixture) = Fixture::new(test, kind).await else { return };
    let survivor = Relay::start(fixture.relay());
    fixture.deliveries.until_all(&write(&fixture).await).await;
    let relay = start_relay_to_kill(&fixture).await;
    let _ = relay.kill();
    spoil_leases(&fixture).await;
    let arrived = fixture.deliveries.await_all(&write(&fixture).await, SOON).await;
    say("take_over", format_args!("{}, the lease of a dead relay is an hour ahead", kind.name()), arrived);
    drop(survivor);
    arrived.assert_all("events of the lanes of a relay whose lease is an hour ahead");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_an_hour_ahead_is_not_waited_for_in_postgresql() {
    is_followed_past_its_lease("a_lease_an_hour_ahead_is_not_waited_for_in_postgresql", Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_an_hour_ahead_is_not_waited_for_in_mariadb() {
    is_followed_past_its_lease("a_lease_an_hour_ahead_is_not_waited_for_in_mariadb", Kind::MariaDb).await;
}
