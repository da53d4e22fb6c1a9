//! Relays, in this process and in processes of their own.

use std::{process::Command, time::Duration};

use marty_events::{CancellationToken, EventError, OutboxRelayBuilder, RelayHealth};
use marty_events_tests::{
    process::{Watched, command_line},
    wait,
};
use tokio::task::JoinHandle;

use crate::{figures::Arrived, fixture::Fixture};

/// A relay in this process, aborted when it is dropped.
pub(crate) struct Relay {
    stop: CancellationToken,
    task: JoinHandle<Result<(), EventError>>,
    pub(crate) health: RelayHealth,
}

impl Relay {
    pub(crate) fn start(relay: OutboxRelayBuilder) -> Self {
        let stop = CancellationToken::new();
        let relay = relay.build().expect("a relay");
        let health = relay.health();
        Self { task: tokio::spawn(relay.run(stop.clone())), stop, health }
    }

    /// Stops it in good order, or drops it where it does not end in time.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(wait::patient(wait::DEADLINE), &mut self.task).await;
    }

    /// Waits until it is ready, or is not, for `limit` at the most; answers how long that took.
    pub(crate) async fn until_ready(&self, ready: bool, limit: Duration) -> Arrived {
        until_all_ready(std::slice::from_ref(self), ready, limit).await
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until all of them are ready, or none is; answers how many are as they should be.
pub(crate) async fn until_all_ready(relays: &[Relay], ready: bool, limit: Duration) -> Arrived {
    let begin = std::time::Instant::now();
    loop {
        let count = relays.iter().filter(|relay| relay.health.is_ready() == ready).count();
        let time = begin.elapsed();
        if count == relays.len() || (limit <= time && wait::patient(limit) <= time) {
            return Arrived { count, of: relays.len(), time };
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A relay in a process of its own, of the fixture's database.
pub(crate) fn process(fixture: &Fixture) -> Command {
    let mut command = Command::new(command_line());
    command
        .arg("relay")
        .env("DATABASE_URL", &fixture.url)
        .env("SERVICE_NAME", "degraded")
        .env("KAFKA_BROKERS", &fixture.brokers)
        .env("EVENT_TOPIC_PREFIX", &fixture.prefix)
        .env("NO_COLOR", "1");
    command
}

pub(crate) fn start_process(fixture: &Fixture) -> Watched {
    Watched::start(&mut process(fixture))
}
