//! The state of a consumer, for health checks.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use tokio::sync::watch;

/// The work of a consumer, or the reason why it does none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsumerState {
    /// It does not run yet, or the group has given it no partition yet.
    Starting,
    /// It handles the events of its partitions.
    Working {
        /// The number of partitions that are its own.
        partitions: usize,
    },
    /// Other consumers of the group have all the partitions.
    StandingBy,
    /// The broker does not answer. The consumer tries on.
    BrokerAway {
        /// When that was found, by this process's clock.
        since: Timestamp,
    },
    /// The database does not answer. The consumer stays in its group, pauses its partitions and tries on.
    DatabaseAway {
        /// When that was found, by this process's clock.
        since: Timestamp,
    },
    /// It has ended, or was dropped.
    Stopped,
}

impl fmt::Display for ConsumerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starts"),
            Self::Working { partitions: 1 } => f.write_str("handles the events of one partition"),
            Self::Working { partitions } => write!(f, "handles the events of {partitions} partitions"),
            Self::StandingBy => f.write_str("stands by"),
            Self::BrokerAway { since } => write!(f, "has had no answer from the broker since {since:.0}"),
            Self::DatabaseAway { since } => write!(f, "has had no answer from the database since {since:.0}"),
            Self::Stopped => f.write_str("has stopped"),
        }
    }
}

/// Tells how a consumer is; a cheap clone, which may outlive the consumer.
#[derive(Debug, Clone)]
pub struct ConsumerHealth(watch::Receiver<Condition>);

#[derive(Debug, Clone, Default)]
struct Condition {
    /// Nothing before the first assignment.
    partitions: Option<usize>,
    broker_away: Option<Timestamp>,
    database_away: Option<Timestamp>,
    is_over: bool,
}

/// The notebook of a consumer's parts.
#[derive(Debug, Clone)]
pub(super) struct HealthCell(Arc<watch::Sender<Condition>>);

impl ConsumerHealth {
    /// The present state of the consumer.
    #[must_use]
    pub fn state(&self) -> ConsumerState {
        let condition = self.0.borrow();
        // The last copy of the notebook went with a consumer that was dropped.
        if condition.is_over || self.0.has_changed().is_err() {
            return ConsumerState::Stopped;
        }
        match *condition {
            Condition { database_away: Some(since), .. } => ConsumerState::DatabaseAway { since },
            Condition { broker_away: Some(since), .. } => ConsumerState::BrokerAway { since },
            Condition { partitions: None, .. } => ConsumerState::Starting,
            Condition { partitions: Some(0), .. } => ConsumerState::StandingBy,
            Condition { partitions: Some(partitions), .. } => ConsumerState::Working { partitions },
        }
    }

    /// The consumer does its work: it handles events or stands by.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.state(), ConsumerState::Working { .. } | ConsumerState::StandingBy)
    }
}

impl HealthCell {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Condition::default())))
    }

    pub(super) fn health(&self) -> ConsumerHealth {
        ConsumerHealth(self.0.subscribe())
    }

    pub(super) fn has(&self, partitions: usize) {
        self.0.send_modify(|condition| condition.partitions = Some(partitions));
    }

    /// True if that was not known.
    pub(super) fn database_is_away(&self) -> bool {
        self.0.send_if_modified(|condition| is_new(&mut condition.database_away))
    }

    /// True if it was away.
    pub(super) fn database_is_back(&self) -> bool {
        self.0.send_if_modified(|condition| condition.database_away.take().is_some())
    }

    /// True if that was not known.
    pub(super) fn broker_is_away(&self) -> bool {
        self.0.send_if_modified(|condition| is_new(&mut condition.broker_away))
    }

    /// True if it was away.
    pub(super) fn broker_is_back(&self) -> bool {
        self.0.send_if_modified(|condition| condition.broker_away.take().is_some())
    }

    pub(super) fn ends(&self) {
        self.0.send_modify(|condition| condition.is_over = true);
    }
}

fn is_new(away: &mut Option<Timestamp>) -> bool {
    let is_new = away.is_none();
    if is_new {
        *away = Some(Timestamp::now());
    }
    is_new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_shows_until_it_ends_and_the_end_for_ever() {
        let cell = HealthCell::new();
        let health = cell.health();
        assert_eq!(health.state(), ConsumerState::Starting);
        cell.has(2);
        assert!(health.is_ready());
        assert!(cell.database_is_away() && !cell.database_is_away());
        assert!(matches!(health.state(), ConsumerState::DatabaseAway { .. }));
        assert!(cell.database_is_back() && !cell.database_is_back());
        assert_eq!(health.state(), ConsumerState::Working { partitions: 2 });
        cell.has(0);
        assert_eq!((health.state(), health.is_ready()), (ConsumerState::StandingBy, true));
        drop(cell);
        assert_eq!((health.state(), health.is_ready()), (ConsumerState::Stopped, false));
    }
}
