//! Dead rows that no vacuum and no purge may remove, because somebody might still look at them.

use std::time::{Duration, Instant};

use marty_events_tests::{private_servers::Server, servers, wait};

use crate::{
    figures::{SOON, say, size},
    fixture::{Fixture, HEALTHY, Kind, Open, event},
    relays::Relay,
};

/// A transaction that holds the horizon back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// A reader that does nothing any more.
    Snapshot,
    /// A transaction that was prepared and forgotten.
    Prepared,
}

const CHUNK: usize = 50_000;
/// Events that are written after each change.
const EVENTS: usize = 150;
/// Several heartbeats, in which relays may note how far they are.
const HEARTBEATS: Duration = Duration::from_secs(6);

async fn hold(fixture: &Fixture, holder: Holder) -> Open {
    let mut open = fixture.begin().await;
    match (fixture.kind, holder) {
        (Kind::Postgres, Holder::Snapshot) => {
            open.sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM event_outbox_relays").await;
        }
        (Kind::Postgres, Holder::Prepared) => {
            open.sql("CREATE TABLE forgotten (id int); PREPARE TRANSACTION 'forgotten'").await;
        }
        (Kind::MariaDb, _) => {
            open.sql("COMMIT; START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT count(*) FROM event_outbox").await;
        }
    }
    open
}

/// Rows that were written and deleted, as those of delivered events are.
async fn leave_dead_rows(fixture: &Fixture, rows: usize) {
    let columns = "event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload";
    let sql = match fixture.kind {
        Kind::Postgres => format!(
            "BEGIN;
            SET LOCAL enable_seqscan = off;
            INSERT INTO event_outbox ({columns})
                SELECT gen_random_uuid(), 'moved', 'dead', 'k', 'k', number, '[]', 'x' FROM generate_series(1, {rows}) AS number;
            DELETE FROM event_outbox
                WHERE currval(pg_get_serial_sequence('event_outbox', 'seq')) - {rows} < seq AND topic = 'dead';
            COMMIT;"
        ),
        Kind::MariaDb => format!(
            "START TRANSACTION;
            INSERT INTO event_outbox ({columns})
                SELECT uuid(), 'moved', 'dead', 'k', 'k', number.seq, '[]', 'x' FROM seq_1_to_{rows} AS number;
            DELETE FROM event_outbox WHERE last_insert_id() <= seq AND topic = 'dead';
            COMMIT;"
        ),
    };
    fixture.sql(&sql).await;
}

/// Lets relays begin anew, gain lanes and take over above `rows` dead rows.
async fn relays_begin_again(fixture: Fixture, rows: usize, holder: Holder) {
    let first = Relay::start(fixture.relay());
    fixture.until_working(1, 2 * SOON).await;
    fixture.deliveries.until_all(&fixture.write_healthy(10).await).await;
    let open = hold(&fixture, holder).await;
    // The relay follows, as it does where it delivers them itself. There are enough of them where it does not.
    let (mut piled, mut followed) = (0, true);
    while followed && piled < rows {
        leave_dead_rows(&fixture, CHUNK).await;
        piled += CHUNK;
        let arrived = fixture.deliveries.await_all(&fixture.write_healthy(1).await, SOON).await;
        followed = arrived.count == arrived.of;
    }
    let begin = Instant::now();
    while followed && begin.elapsed() < HEARTBEATS {
        fixture.deliveries.await_all(&fixture.write_healthy(1).await, SOON).await;
    }
    let mut results = Vec::new();
    let mut deliver = async |change: &'static str| {
        let ids = fixture.write_healthy(EVENTS).await;
        let arrived = fixture.deliveries.await_all(&ids, SOON).await;
        results.push((change, arrived));
    };
    let second = Relay::start(fixture.relay());
    deliver("a second relay begins").await;
    drop(first);
    deliver("it gains the lanes of one that died").await;
    second.stop().await;
    let third = Relay::start(fixture.relay());
    deliver("a relay was started again").await;
    third.stop().await;
    let both = [Relay::start(fixture.relay()), Relay::start(fixture.relay())];
    deliver("two were started at once").await;
    drop((open, both));
    let held = format!("{}, {rows} dead rows, {holder:?}", fixture.kind.name());
    say("horizon", format_args!("{held}: a relay follows"), format_args!("up to {piled} of {rows}"));
    for (change, arrived) in &results {
        say("horizon", format_args!("{held}: {change}"), arrived);
    }
    assert!(followed, "a relay that works goes on: {piled} of {rows}");
    for (change, arrived) in results {
        arrived.assert_all(change);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_begin_above_dead_rows_in_postgresql() {
    let test = "relays_begin_above_dead_rows_in_postgresql";
    let Some(fixture) = Fixture::new(test, Kind::Postgres).await else { return };
    relays_begin_again(fixture, size(1_000_000, 20_000_000), Holder::Snapshot).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_begin_above_dead_rows_in_mariadb() {
    let test = "relays_begin_above_dead_rows_in_mariadb";
    let Some(fixture) = Fixture::new(test, Kind::MariaDb).await else { return };
    relays_begin_again(fixture, size(300_000, 1_000_000), Holder::Snapshot).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_begin_beside_a_forgotten_prepared_transaction() {
    let test = "relays_begin_beside_a_forgotten_prepared_transaction";
    let (Some(brokers), Some(_)) = (servers::kafka(test), servers::postgres(test)) else { return };
    let (server, admin) =
        tokio::task::spawn_blocking(|| Server::postgres_with("max_prepared_transactions = 5")).await.unwrap();
    let fixture = Fixture::on_postgres(admin, &brokers).await;
    relays_begin_again(fixture, size(300_000, 5_000_000), Holder::Prepared).await;
    drop(server);
}

/// The time from a commit to a consumer does not grow with the settlements that the horizon keeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settlements_do_not_become_slower_while_the_horizon_is_held() {
    let test = "settlements_do_not_become_slower_while_the_horizon_is_held";
    let Some(fixture) = Fixture::new(test, Kind::Postgres).await else { return };
    let relays = [(); 4].map(|()| Relay::start(fixture.relay()));
    fixture.until_working(4, 2 * SOON).await;
    fixture.deliveries.until_all(&fixture.write_healthy(100).await).await;
    let open = hold(&fixture, Holder::Snapshot).await;
    let events = size(5_000, 60_000);
    let mut committed = Vec::new();
    for number in 0..events {
        let ids = fixture.write([event(HEALTHY, &format!("k-{number}"), 0)]).await;
        committed.extend(ids.into_iter().map(|id| (id, Instant::now())));
    }
    let ids: Vec<_> = committed.iter().map(|(id, _)| *id).collect();
    let arrived = fixture.deliveries.await_all(&ids, SOON).await;
    let median = |part: &[(uuid::Uuid, Instant)]| {
        let times = part
            .iter()
            .map(|(id, at)| fixture.deliveries.time(*id).map_or(SOON, |time| time.saturating_duration_since(*at)));
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let tenth = events / 10;
    let (first, last) = (median(&committed[..tenth]), median(&committed[events - tenth..]));
    let settlements = "SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'event_outbox'";
    let settled = fixture.number(settlements).await;
    let size = fixture.number("SELECT pg_table_size('event_outbox_lanes')").await;
    say(
        "horizon",
        format_args!("PostgreSQL, {events} events one by one, 4 relays"),
        format_args!(
            "{arrived}; median of the first tenth {first:.1?}, of the last {last:.1?}; {settled} rows settled; event_outbox_lanes {} kB",
            size / 1024
        ),
    );
    drop((open, relays));
    arrived.assert_all("events with the horizon held");
    let most = wait::patient(4 * first.max(Duration::from_millis(25)));
    assert!(last < most, "{first:?}, and at the end {last:?}, beyond {most:?}");
    assert!(size <= 256 << 10, "event_outbox_lanes has {size} bytes");
}
