//! A transaction that has written an event and stays open.

use std::time::{Duration, Instant};

use crate::{
    figures::{SOON, say, size},
    fixture::{Fixture, HEALTHY, Kind, event},
    relays::Relay,
};

/// Writes `burst` events again and again while a transaction is open that has written one.
async fn flows(test: &str, kind: Kind, relays: usize, burst: usize) {
    let Some(fixture) = Fixture::new(test, kind).await else { return };
    let running: Vec<_> = (0..relays).map(|_| Relay::start(fixture.relay())).collect();
    fixture.until_working(relays, 2 * SOON).await;
    fixture.deliveries.until_all(&fixture.write_healthy(3).await).await;

    let (open, held) = fixture.open([event(HEALTHY, "held", 0)]).await;
    // 60 events a second.
    let mut ticks = tokio::time::interval(Duration::from_secs(1) * u32::try_from(burst).expect("a few") / 60);
    let (begin, time) = (Instant::now(), Duration::from_secs(size(12, 50)));
    let (mut written, mut ids) = (Vec::new(), Vec::new());
    while begin.elapsed() < time {
        ticks.tick().await;
        let events = (0..burst).map(|place| event(HEALTHY, &format!("k-{}", ids.len() + place), 0));
        let some = fixture.write(events.collect::<Vec<_>>()).await;
        written.extend(some.iter().map(|id| (*id, Instant::now())));
        ids.extend(some);
    }
    let meanwhile = fixture.deliveries.count(&ids);
    let arrived = fixture.deliveries.await_all(&ids, SOON).await;
    // A server that gives up waiting for a lock lets them pass in the end, and too late.
    let in_time = fixture.deliveries.in_time(&written, SOON);
    open.commit().await;
    let late = fixture.deliveries.await_all(&held, SOON).await;
    say(
        "open_transaction",
        format_args!("{}, {relays} relays, {burst} events a transaction", kind.name()),
        format_args!(
            "{meanwhile} of {} within {} s, {arrived} more, {in_time} in time; after the commit {late}",
            ids.len(),
            time.as_secs()
        ),
    );
    drop(running);
    arrived.assert_all("events beside an open transaction");
    assert_eq!(in_time, ids.len(), "events beside an open transaction are in time");
    late.assert_all("the event of the open transaction");
}

macro_rules! cases {
    ($($name:ident: $kind:ident, $relays:literal, $burst:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            flows(stringify!($name), Kind::$kind, $relays, $burst).await;
        }
    )*};
}

cases! {
    events_flow_beside_an_open_transaction_in_postgresql: Postgres, 1, 3;
    two_relays_go_on_beside_an_open_transaction_in_postgresql: Postgres, 2, 3;
    events_flow_beside_an_open_transaction_in_mariadb: MariaDb, 1, 3;
    many_events_at_once_flow_beside_an_open_transaction_in_mariadb: MariaDb, 1, 600;
    two_relays_go_on_beside_an_open_transaction_in_mariadb: MariaDb, 2, 3;
}
