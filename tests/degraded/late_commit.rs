//! A large transaction that commits when others are delivered beyond it.

use std::time::Duration;

use crate::{
    figures::{say, size},
    fixture::{Fixture, HEALTHY, Kind, event},
    relays,
};

/// The most memory that a relay may take.
const MEMORY: u64 = 150 << 20;

async fn arrives(test: &str, kind: Kind, keys: usize) {
    let Some(fixture) = Fixture::new(test, kind).await else { return };
    let relay = relays::start_process(&fixture);
    fixture.deliveries.until_all(&fixture.write_healthy(10).await).await;
    let (open, ids) = fixture.open((0..keys).map(|key| event(HEALTHY, &format!("k-{key}"), 0))).await;
    let beyond = fixture.write_healthy(100).await;
    let beyond = fixture.deliveries.await_all(&beyond, Duration::from_mins(1)).await;
    open.commit().await;
    // A pace that any machine has, and a minute.
    let limit = Duration::from_mins(1) + Duration::from_millis(2) * u32::try_from(keys).expect("a few");
    let arrived = fixture.deliveries.await_all(&ids, limit).await;
    let peak = relay.peak_memory();
    say(
        "late_commit",
        format_args!("{}, {keys} keys in one transaction", kind.name()),
        format_args!(
            "beyond it {beyond}; after the commit {arrived}, {:.0} events/s; peak memory {} MiB",
            f64::from(u32::try_from(arrived.count).expect("a few")) / arrived.time.as_secs_f64(),
            peak >> 20
        ),
    );
    beyond.assert_all("events beyond the open transaction");
    arrived.assert_all("events of the transaction that committed late");
    assert!(peak < MEMORY, "{peak} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_commits_late_is_delivered_in_postgresql() {
    let test = "a_transaction_that_commits_late_is_delivered_in_postgresql";
    arrives(test, Kind::Postgres, size(20_000, 500_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_larger_transaction_that_commits_late_is_delivered_in_postgresql() {
    let test = "a_larger_transaction_that_commits_late_is_delivered_in_postgresql";
    arrives(test, Kind::Postgres, size(100_000, 2_000_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_commits_late_is_delivered_in_mariadb() {
    let test = "a_transaction_that_commits_late_is_delivered_in_mariadb";
    arrives(test, Kind::MariaDb, size(20_000, 500_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_larger_transaction_that_commits_late_is_delivered_in_mariadb() {
    let test = "a_larger_transaction_that_commits_late_is_delivered_in_mariadb";
    // Beside two million such rows, which are more than MariaDB's buffer pool holds by default, nothing else would come in time.
    arrives(test, Kind::MariaDb, size(100_000, 1_000_000)).await;
}
