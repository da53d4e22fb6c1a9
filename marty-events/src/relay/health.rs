//! The state of a relay, for health checks.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::observe::{self, Dependency};

/// The work of a relay, or the reason why it does none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayState {
    /// It does not run yet, or has not heard from the database yet.
    Starting,
    /// It delivers the events of its lanes.
    Working {
        /// The number of lanes that are its own, of 16.
        lanes: usize,
    },
    /// Other relays have all the lanes; it takes over lanes that come free.
    StandingBy,
    /// The broker does not work, or no producer can be made for it. Events wait in the outbox, or go through other relays; this one
    /// tries on.
    BrokerAway {
        /// When that was found, by this process's clock.
        since: Timestamp,
    },
    /// The broker has answered nothing for 10 s although there is something to deliver, or the outbox has been read for so long
    /// without an end. The relay goes on; other keys, topics and lanes may be delivered, but not here.
    NotDelivering {
        /// When that was found, by this process's clock.
        since: Timestamp,
    },
    /// The outbox database does not work. The relay tries on.
    DatabaseAway {
        /// When that was found, by this process's clock.
        since: Timestamp,
    },
    /// It has ended, or was dropped.
    Stopped,
}

/// Tells how a relay is; a cheap clone, which may outlive the relay.
///
/// ```
/// use marty_events::{OutboxRelay, RelayHealth, RelayState};
///
/// /// For a service's own health check.
/// fn relays(health: &RelayHealth) -> Result<(), String> {
///     if health.is_ready() { Ok(()) } else { Err(format!("the relay is not ready: it {}", health.state())) }
/// }
/// # async fn example(pool: sqlx::PgPool, config: marty_events::EventConfig) -> Result<(), marty_events::EventError> {
///
/// let relay = OutboxRelay::builder(pool).config(config).build()?;
/// let health = relay.health();
/// assert_eq!((health.state(), relays(&health).is_err()), (RelayState::Starting, true));
/// tokio::spawn(relay.run(marty_events::CancellationToken::new()));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RelayHealth(watch::Receiver<Condition>);

/// A relay's knowledge of itself.
#[derive(Debug, Clone)]
struct Condition {
    /// Nothing before the database has said how many there are.
    lanes: Option<usize>,
    broker_away: Option<Timestamp>,
    database_away: Option<Timestamp>,
    unanswered: Option<Timestamp>,
    reads_for_long: Option<Timestamp>,
    /// When the database answered last; nothing before it was asked.
    answered: Option<Instant>,
    /// The time that the database may be silent.
    patience: Duration,
    is_over: bool,
}

/// The notebook of a relay's parts. The last copy that is dropped ends the relay's life.
#[derive(Debug, Clone)]
pub(super) struct HealthCell(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    condition: watch::Sender<Condition>,
    /// The name of the outbox for metrics, where there are any.
    counted_as: Option<Arc<str>>,
}

impl RelayHealth {
    /// The present state of the relay.
    #[must_use]
    pub fn state(&self) -> RelayState {
        self.0.borrow().state()
    }

    /// The relay does its work: it is working or stands by, the database has answered within the lease time (three heartbeats), and the
    /// broker has answered within 10 s if there is something to deliver. In an outage of the broker events wait and nothing is lost, but
    /// nothing is delivered either.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let condition = self.0.borrow();
        matches!(condition.state(), RelayState::Working { .. } | RelayState::StandingBy)
            && condition.silence().is_none()
    }

    /// The time since the database's last answer, if that is longer than the lease time. The database counts as away later: a relay gives
    /// each request ten seconds.
    #[must_use]
    pub fn silence(&self) -> Option<Duration> {
        self.0.borrow().silence()
    }

    /// The next state; nothing when the relay has stopped and that is known. Dropping the future misses nothing.
    pub async fn changed(&mut self) -> Option<RelayState> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().state())
    }
}

impl Condition {
    fn state(&self) -> RelayState {
        match *self {
            Self { is_over: true, .. } => RelayState::Stopped,
            Self { database_away: Some(since), .. } => RelayState::DatabaseAway { since },
            Self { lanes: None, .. } => RelayState::Starting,
            Self { broker_away: Some(since), .. } => RelayState::BrokerAway { since },
            Self { lanes: Some(0), .. } => RelayState::StandingBy,
            Self { unanswered: Some(since), .. } | Self { reads_for_long: Some(since), .. } => {
                RelayState::NotDelivering { since }
            }
            Self { lanes: Some(lanes), .. } => RelayState::Working { lanes },
        }
    }

    fn silence(&self) -> Option<Duration> {
        let silence = self.answered?.elapsed();
        (self.patience < silence).then_some(silence)
    }
}

impl HealthCell {
    /// `patience` is the time that the database may be silent; metrics show the notes of the outbox that is `counted_as` something.
    pub(super) fn new(patience: Duration, counted_as: Option<Arc<str>>) -> Self {
        let condition = Condition {
            lanes: None,
            broker_away: None,
            database_away: None,
            unanswered: None,
            reads_for_long: None,
            answered: None,
            patience,
            is_over: false,
        };
        Self(Arc::new(Shared { condition: watch::Sender::new(condition), counted_as }))
    }

    pub(super) fn health(&self) -> RelayHealth {
        RelayHealth(self.0.condition.subscribe())
    }

    /// The database has answered, and the relay has `lanes`.
    pub(super) fn stands(&self, lanes: usize) {
        self.0.note(|condition| {
            condition.answered = Some(Instant::now());
            condition.lanes = Some(lanes);
        });
    }

    /// The relay has no lanes, and asks the database for none for now: no answer is missing.
    pub(super) fn asks_nothing(&self) {
        self.0.note(|condition| {
            condition.answered = None;
            condition.lanes = Some(0);
        });
    }

    /// Notes that the broker owes an answer for too long.
    pub(super) fn is_unanswered(&self, is: bool) {
        self.stalls(
            is,
            |condition| &mut condition.unanswered,
            [
                "the broker answers nothing that was sent; events wait in the outbox",
                "the broker answers again, or has nothing to answer",
            ],
        );
    }

    /// Notes that a read of the outbox takes too long.
    pub(super) fn is_reading_for_long(&self, is: bool) {
        self.stalls(
            is,
            |condition| &mut condition.reads_for_long,
            [
                "reading the outbox takes long, and nothing is delivered meanwhile",
                "the outbox is read again, or events are delivered",
            ],
        );
    }

    /// Notes the beginning or the end of a stall, with one line in the log for each.
    fn stalls(&self, is: bool, of: fn(&mut Condition) -> &mut Option<Timestamp>, [begins, ends]: [&str; 2]) {
        let mut before = self.0.condition.borrow().clone();
        if of(&mut before).is_some() == is {
            return;
        }
        if is {
            tracing::warn!("{begins}");
        } else {
            tracing::info!("{ends}");
        }
        self.0.note(|condition| *of(condition) = is.then(Timestamp::now));
    }

    /// There is something to say about a dependency from now on.
    pub(super) fn meets(&self, dependency: Dependency) {
        self.shows(dependency, 0.0);
    }

    pub(super) fn is_away(&self, dependency: Dependency) {
        self.shows(dependency, 1.0);
        self.0.note(|condition| condition.away(dependency, Some(Timestamp::now())));
    }

    pub(super) fn is_back(&self, dependency: Dependency) {
        self.shows(dependency, -1.0);
        self.0.note(|condition| condition.away(dependency, None));
    }

    fn shows(&self, dependency: Dependency, more: f64) {
        if let Some(outbox) = &self.0.counted_as {
            observe::show_circuit(outbox, dependency, more);
        }
    }
}

impl Condition {
    fn away(&mut self, dependency: Dependency, since: Option<Timestamp>) {
        match dependency {
            Dependency::Broker => self.broker_away = since,
            Dependency::Database => self.database_away = since,
            // Without it events are found a little later.
            Dependency::Listener => {}
        }
    }
}

impl Shared {
    /// Wakes who watches only where the state is another one.
    fn note(&self, change: impl FnOnce(&mut Condition)) {
        self.condition.send_if_modified(|condition| {
            let before = (condition.state(), condition.lanes);
            change(condition);
            if let Some(outbox) = &self.counted_as {
                let lanes = |lanes: Option<usize>| u32::try_from(lanes.unwrap_or_default()).unwrap_or(u32::MAX);
                let more = f64::from(lanes(condition.lanes)) - f64::from(lanes(before.1));
                observe::show_lanes(outbox, more);
            }
            condition.state() != before.0
        });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.note(|condition| {
            condition.lanes = Some(0);
            condition.is_over = true;
        });
    }
}

impl fmt::Display for RelayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("is starting"),
            Self::Working { lanes } => write!(f, "is working on {lanes} of 16 lanes"),
            Self::StandingBy => f.write_str("is standing by"),
            Self::BrokerAway { since } => write!(f, "waits for the broker since {since:.0}"),
            Self::NotDelivering { since } => write!(f, "delivers nothing since {since:.0}"),
            Self::DatabaseAway { since } => write!(f, "waits for the outbox database since {since:.0}"),
            Self::Stopped => f.write_str("has stopped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(4);

    #[tokio::test]
    async fn a_relay_tells_how_it_is_from_its_making_to_its_end() {
        let cell = HealthCell::new(PATIENCE, None);
        let mut health = cell.health();
        assert_eq!((health.state(), health.is_ready()), (RelayState::Starting, false));
        cell.stands(0);
        assert_eq!((health.changed().await, health.is_ready()), (Some(RelayState::StandingBy), true));
        cell.is_away(Dependency::Broker);
        assert!(matches!(health.changed().await, Some(RelayState::BrokerAway { .. })), "it has no producer");
        assert!(!health.is_ready());
        cell.is_back(Dependency::Broker);
        assert_eq!(health.changed().await, Some(RelayState::StandingBy));
        cell.stands(16);
        assert_eq!((health.changed().await, health.is_ready()), (Some(RelayState::Working { lanes: 16 }), true));
        cell.is_away(Dependency::Listener);
        assert!(health.is_ready(), "without the listener it is only slower");
        cell.is_away(Dependency::Broker);
        assert!(matches!(health.changed().await, Some(RelayState::BrokerAway { .. })));
        assert!(!health.is_ready());
        cell.is_away(Dependency::Database);
        assert!(matches!(health.changed().await, Some(RelayState::DatabaseAway { .. })));
        cell.is_back(Dependency::Database);
        cell.is_back(Dependency::Broker);
        assert_eq!(health.changed().await, Some(RelayState::Working { lanes: 16 }));
        drop(cell);
        assert_eq!((health.changed().await, health.is_ready()), (Some(RelayState::Stopped), false));
        assert_eq!((health.changed().await, health.state()), (None, RelayState::Stopped));
    }

    #[test]
    fn a_beat_that_changes_nothing_wakes_nobody() {
        let cell = HealthCell::new(PATIENCE, None);
        cell.stands(8);
        let health = cell.health();
        cell.stands(8);
        assert!(!health.0.has_changed().unwrap());
        cell.stands(7);
        assert!(health.0.has_changed().unwrap());
    }

    #[test]
    fn a_database_that_is_silent_for_too_long_makes_a_relay_not_ready() {
        let cell = HealthCell::new(Duration::ZERO, None);
        let health = cell.health();
        assert_eq!(health.silence(), None, "nothing was asked yet");
        cell.stands(16);
        let begin = Instant::now();
        while begin.elapsed().is_zero() {}
        assert!(health.silence().is_some());
        cell.asks_nothing();
        assert_eq!(health.silence(), None, "it asks for nothing");
        cell.stands(16);
        let begin = Instant::now();
        while begin.elapsed().is_zero() {}
        assert_eq!((health.state(), health.is_ready()), (RelayState::Working { lanes: 16 }, false));
    }
}
