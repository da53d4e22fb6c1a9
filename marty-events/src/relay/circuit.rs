use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::health::HealthCell;
use crate::{EventError, error::cause, kafka::Reach, observe::Dependency, retry::pauses};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So many conflicts with other transactions in a row are not yet an outage.
const MOST_CONFLICTS: u32 = 20;
/// The pause after each of them.
const CONFLICT_PAUSE: Duration = Duration::from_millis(20);

/// Knows if a dependency (the database, the broker) can be reached, and writes one line in the log per change.
///
/// The requests to a dependency can fail apart: a table may be locked that others need not. The dependency is back when every request that
/// had failed succeeds again.
pub(super) struct Circuit {
    dependency: Dependency,
    health: HealthCell,
    /// Whom else to tell.
    reach: Option<Reach>,
    failing: BTreeMap<&'static str, Pauses>,
    /// The number of other transactions that each request met since it succeeded.
    conflicts: BTreeMap<&'static str, u32>,
    since: Option<Instant>,
}

/// A request without a name of its own.
const ANYTHING: &str = "anything";

impl Circuit {
    pub(super) fn new(dependency: Dependency, health: &HealthCell) -> Self {
        health.meets(dependency);
        Self {
            dependency,
            health: health.clone(),
            reach: None,
            failing: BTreeMap::new(),
            conflicts: BTreeMap::new(),
            since: None,
        }
    }

    /// The same of the broker, which the process's publishers hear of too.
    pub(super) fn of_broker(reach: Reach, health: &HealthCell) -> Self {
        let mut circuit = Self::new(Dependency::Broker, health);
        circuit.reach = Some(reach);
        circuit
    }

    pub(super) fn works(&mut self) {
        self.works_for(ANYTHING);
    }

    pub(super) fn works_for(&mut self, work: &'static str) {
        self.conflicts.remove(work);
        if self.failing.remove(work).is_some() && self.failing.is_empty() {
            self.since = None;
            if let Some(reach) = &self.reach {
                reach.answers();
            }
            self.health.is_back(self.dependency);
            let dependency = name(self.dependency);
            tracing::info!(dependency, "reached the {dependency} again");
        }
    }

    pub(super) fn opens(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.opens_for(ANYTHING, error);
    }

    fn opens_for(&mut self, work: &'static str, error: &(dyn std::error::Error + 'static)) {
        if self.failing.is_empty() {
            let (cause, dependency) = (cause(error), name(self.dependency));
            if let Some(reach) = &self.reach {
                reach.ask();
            }
            self.since = Some(Instant::now());
            self.health.is_away(self.dependency);
            if error.downcast_ref().is_some_and(EventError::is_refusal) {
                tracing::error!(dependency, %error, cause, "refuses what it is asked; events wait in the outbox until that is changed");
            } else {
                tracing::warn!(dependency, %error, cause, "cannot reach the {dependency}; events wait in the outbox");
            }
        }
        self.failing.entry(work).or_insert_with(Pauses::new);
    }

    /// Answers how long to leave it alone.
    pub(super) fn failed(&mut self, error: &(dyn std::error::Error + 'static)) -> Duration {
        self.failed_for(ANYTHING, error)
    }

    pub(super) fn failed_for(&mut self, work: &'static str, error: &(dyn std::error::Error + 'static)) -> Duration {
        if self.is_mere_conflict(work, error) {
            return CONFLICT_PAUSE;
        }
        self.opens_for(work, error);
        self.failing.get_mut(work).map_or(LONGEST_PAUSE, Pauses::next)
    }

    /// The database works, and another transaction came first: the same is done once more.
    fn is_mere_conflict(&mut self, work: &'static str, error: &(dyn std::error::Error + 'static)) -> bool {
        if !error.downcast_ref().is_some_and(EventError::is_conflict) {
            return false;
        }
        let conflicts = self.conflicts.entry(work).or_default();
        *conflicts += 1;
        tracing::debug!(work, cause = cause(error), "met another transaction");
        *conflicts <= MOST_CONFLICTS
    }

    /// Since when the dependency does not work.
    pub(super) fn open_since(&self) -> Option<Instant> {
        self.since
    }
}

/// Pauses that grow, for one kind of work.
pub(super) struct Pauses(Box<dyn Iterator<Item = Duration> + Send + Sync>);

impl Pauses {
    pub(super) fn new() -> Self {
        Self(Box::new(pauses(FIRST_PAUSE, LONGEST_PAUSE)))
    }

    pub(super) fn next(&mut self) -> Duration {
        self.0.next().unwrap_or(LONGEST_PAUSE)
    }
}

/// Its name in the log.
fn name(dependency: Dependency) -> &'static str {
    match dependency {
        Dependency::Broker => "broker",
        Dependency::Database => "outbox database",
        Dependency::Listener => "listener",
    }
}

/// The relay that waited for the dependency is gone, and with it the outage that it knew of.
impl Drop for Circuit {
    fn drop(&mut self) {
        if !self.failing.is_empty() {
            self.health.is_back(self.dependency);
        }
    }
}
