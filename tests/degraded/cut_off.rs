//! Relays that the broker does not answer, while the network keeps their connections.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use marty_events_tests::{
    faulty_network::{Condition, FaultyNetwork},
    private_servers::Server,
    servers,
};

use crate::{
    figures::{SOON, say},
    fixture::{Fixture, HEALTHY, Kind, event},
    relays::{Relay, until_all_ready},
};

/// Relays with a network of their own to the broker each.
struct Trial {
    fixture: Fixture,
    networks: Vec<Arc<FaultyNetwork>>,
    relays: Vec<Relay>,
    _broker: Server,
}

impl Trial {
    async fn start(test: &str, relays: usize) -> Option<Self> {
        servers::kafka(test)?;
        let mut networks = Vec::new();
        for _ in 0..relays {
            networks.push(FaultyNetwork::start().await);
        }
        let proxies: Vec<String> = networks.iter().map(|network| network.address()).collect();
        let start = move || Server::kafka_behind_each(&proxies);
        let (broker, address, listeners) = tokio::task::spawn_blocking(start).await.expect("a broker");
        for (network, listener) in networks.iter().zip(&listeners) {
            network.lead_to(listener);
        }
        let fixture = Fixture::with_brokers(test, Kind::Postgres, &address).await?;
        let mut running = Vec::new();
        for network in &networks {
            // One after the other, so that the first row of the relays is the first one's.
            running.push(Relay::start(fixture.relay_by(&fixture.url, &network.address(), 10)));
            fixture.until_working(running.len(), 2 * SOON).await;
        }
        let trial = Self { fixture, networks, relays: running, _broker: broker };
        trial.fixture.deliveries.until_all(&trial.write().await).await;
        Some(trial)
    }

    /// Events of all lanes.
    async fn write(&self) -> Vec<uuid::Uuid> {
        self.fixture.write((0..160).map(|_| event(HEALTHY, &uuid::Uuid::new_v4().to_string(), 0))).await
    }

    /// The network is as it was, and says that the connections are gone.
    fn heal(&self) {
        for network in &self.networks {
            network.set(Condition::Good);
            network.cut();
        }
    }

    /// The number of times that lanes changed hands so far.
    async fn terms(&self) -> i64 {
        self.fixture.number("SELECT sum(term)::bigint FROM event_outbox_lanes").await
    }

    /// The number of lanes of the relay that began first.
    async fn lanes_of_first(&self) -> usize {
        self.fixture.outbox.relays().await.expect("the relays")[0].lanes.len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_cut_off_alone_leaves_its_lanes_to_the_others() {
    let test = "a_relay_that_is_cut_off_alone_leaves_its_lanes_to_the_others";
    let Some(trial) = Trial::start(test, 3).await else { return };
    trial.networks[0].set(Condition::AllLost);
    let ids = trial.write().await;
    let (not_ready, arrived) =
        tokio::join!(trial.relays[0].until_ready(false, SOON), trial.fixture.deliveries.await_all(&ids, SOON),);
    // It takes none back as long as it is cut off.
    let mut lanes = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(15) {
        lanes.push(trial.lanes_of_first().await);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let most = lanes.iter().max().copied().unwrap_or_default();
    trial.heal();
    let ready = until_all_ready(&trial.relays, true, 2 * SOON).await;
    let back = trial.fixture.deliveries.await_all(&ids, 2 * SOON).await;
    say(
        "cut_off",
        "one relay of three",
        format_args!(
            "events of all lanes {arrived}; it is not ready: {not_ready}; then it has at most {most} lanes; \
             healed: ready {ready}, events {back}"
        ),
    );
    not_ready.assert_all("it is not ready");
    arrived.assert_all("events of its lanes go by the others");
    assert_eq!(most, 0, "it takes no lanes");
    ready.assert_all("all are ready again");
    back.assert_all("all events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_that_are_all_cut_off_wait_and_go_on() {
    let test = "relays_that_are_all_cut_off_wait_and_go_on";
    let Some(trial) = Trial::start(test, 3).await else { return };
    for network in &trial.networks {
        network.set(Condition::AllLost);
    }
    let before = trial.terms().await;
    let ids = trial.write().await;
    let not_ready = until_all_ready(&trial.relays, false, SOON).await;
    // Each may give its lanes up once. Then it keeps those that it has.
    let settled = trial.terms().await;
    // Nothing may happen for this time, so there is no condition to wait for.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let after = trial.terms().await;
    trial.heal();
    let ready = until_all_ready(&trial.relays, true, 2 * SOON).await;
    let arrived = trial.fixture.deliveries.await_all(&ids, 2 * SOON).await;
    say(
        "cut_off",
        "three relays of three",
        format_args!(
            "not ready {not_ready}; lanes changed hands {} times until then and {} times in 15 s; healed: ready {ready}, \
             events {arrived}",
            settled - before,
            after - settled
        ),
    );
    not_ready.assert_all("none is ready");
    assert!(after - settled <= 16, "lanes go from one relay that is cut off to another");
    ready.assert_all("all are ready again");
    arrived.assert_all("all events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_without_an_answer_to_its_events_is_not_ready() {
    let test = "a_relay_without_an_answer_to_its_events_is_not_ready";
    let Some(trial) = Trial::start(test, 1).await else { return };
    trial.relays[0].until_ready(true, SOON).await.assert_all("it is ready");
    trial.networks[0].set(Condition::AllLost);
    let ids = trial.write().await;
    let not_ready = trial.relays[0].until_ready(false, SOON).await;
    trial.heal();
    let ready = trial.relays[0].until_ready(true, 2 * SOON).await;
    let arrived = trial.fixture.deliveries.await_all(&ids, 2 * SOON).await;
    say(
        "cut_off",
        "one relay, the only one",
        format_args!("not ready: {not_ready}; healed: ready {ready}, events {arrived}"),
    );
    not_ready.assert_all("it delivers nothing, so it is not ready");
    ready.assert_all("it is ready again");
    arrived.assert_all("all events");
}
