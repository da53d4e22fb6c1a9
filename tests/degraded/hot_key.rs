//! One ordering key with many events.

use std::time::Duration;

use marty_events_tests::{topics, wait};

use crate::{
    figures::{SOON, say, size},
    fixture::{Fixture, HEALTHY, Kind, event},
    relays,
};

/// A relay that reads everything first, or goes back to the key's beginning again and again, has not delivered so many in twice [`TIME`].
const ENOUGH: i64 = 2_000;
/// The figure is that of so long.
const TIME: Duration = Duration::from_secs(10);

/// Copies of one row: the same key, and numbers of their own.
async fn write_backlog(fixture: &Fixture, events: usize) {
    fixture.write([event(HEALTHY, "hot", 0)]).await;
    let columns = "event_type, topic, record_key, ordering_key, key_hash, headers, payload";
    let (id, from) = match fixture.kind {
        Kind::Postgres => ("gen_random_uuid()", format!("generate_series(2, {events}) AS number")),
        Kind::MariaDb => ("uuid()", format!("seq_2_to_{events} AS number")),
    };
    let copies = format!(
        "INSERT INTO event_outbox (event_id, {columns})
        SELECT {id}, {columns} FROM (SELECT {columns} FROM event_outbox) AS one, {from}"
    );
    fixture.sql(&copies).await;
}

async fn keeps_its_pace(test: &str, kind: Kind) {
    let Some(fixture) = Fixture::new(test, kind).await else { return };
    let events = size(20_000, 2_000_000);
    write_backlog(&fixture, events).await;
    let relay = relays::start_process(&fixture);
    fixture.until_working(1, 2 * SOON).await;
    let begin = std::time::Instant::now();
    // The offsets are asked for once: each answer takes a moment itself.
    wait::until("ten seconds", || async { (TIME <= begin.elapsed()).then_some(()) }).await;
    let count = topics::records(&fixture.brokers, &fixture.prefix).await;
    let peak = relay.peak_memory();
    say(
        "hot_key",
        format_args!("{}, {events} events of one key", kind.name()),
        format_args!("{count} in the first {} s; peak memory {} MiB", TIME.as_secs(), peak >> 20),
    );
    wait::within(TIME, "the key's first events", || async {
        (ENOUGH <= topics::records(&fixture.brokers, &fixture.prefix).await).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_many_events_goes_from_the_start_in_postgresql() {
    keeps_its_pace("a_key_with_many_events_goes_from_the_start_in_postgresql", Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_many_events_goes_from_the_start_in_mariadb() {
    keeps_its_pace("a_key_with_many_events_goes_from_the_start_in_mariadb", Kind::MariaDb).await;
}
