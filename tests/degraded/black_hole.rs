//! A network that loses everything between a relay and its database.

use std::time::{Duration, Instant};

use marty_events_tests::{
    faulty_network::{Condition, FaultyNetwork},
    wait,
};

use crate::{
    figures::{SOON, say},
    fixture::{Fixture, Kind},
    relays::Relay,
};

const TIME: Duration = Duration::from_secs(20);

async fn goes_on(test: &str, kind: Kind) {
    let Some(fixture) = Fixture::new(test, kind).await else { return };
    let network = FaultyNetwork::start().await;
    let url = network.url(&fixture.url);
    let relay = Relay::start(fixture.relay_by(&url, &fixture.brokers, 2));
    fixture.deliveries.until_all(&fixture.write_healthy(10).await).await;
    let begin = Instant::now();
    network.set(Condition::AllLost);
    let ids = fixture.write_healthy(100).await;
    let not_ready = relay.until_ready(false, TIME).await;
    wait::until("the end of the outage", || async { (TIME <= begin.elapsed()).then_some(()) }).await;
    // The connections that lost something stay silent for good.
    network.set(Condition::Good);
    let arrived = fixture.deliveries.await_all(&ids, SOON).await;
    let ready = relay.until_ready(true, SOON).await;
    say(
        "black_hole",
        format_args!("{}, a pool of 2, {} s", kind.name(), TIME.as_secs()),
        format_args!("not ready: {not_ready}; healed: events {arrived}, ready {ready} more"),
    );
    not_ready.assert_all("it is not ready");
    arrived.assert_all("events after the outage");
    ready.assert_all("it is ready again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_was_out_of_reach_is_relayed_from_again() {
    goes_on("a_postgresql_that_was_out_of_reach_is_relayed_from_again", Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_that_was_out_of_reach_is_relayed_from_again() {
    goes_on("a_mariadb_that_was_out_of_reach_is_relayed_from_again", Kind::MariaDb).await;
}
