use std::{sync::Arc, time::Duration};

use super::{OutboxRelay, Settings, health::HealthCell};
use crate::{
    EventError,
    config::EventConfig,
    outbox::{LONGEST_TIME, OutboxPool},
};

/// Settings of an [`OutboxRelay`]; every one has a default. A time above a hundred years counts as a hundred years.
#[derive(Debug)]
#[must_use = "nothing is relayed until it is built and run"]
pub struct OutboxRelayBuilder {
    pool: OutboxPool,
    config: Option<EventConfig>,
    settings: Settings,
}

impl OutboxRelayBuilder {
    pub(super) fn new(pool: OutboxPool) -> Self {
        Self { pool, config: None, settings: Settings::default() }
    }

    /// Brokers, security and the outbox table; read from the environment unless set.
    pub fn config(mut self, config: EventConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// The time that the other relays wait before they take over from a silent one: 4 s unless set, at least 1 s. The lanes of a relay
    /// that stops in good order are taken over at once.
    pub fn lease_time(mut self, time: Duration) -> Self {
        self.settings.lease_time = time.clamp(Duration::from_secs(1), LONGEST_TIME);
        self
    }

    /// The longest pause between two looks into an empty outbox, each of which also renews the relay's leases: 1.25 s
    /// unless set, and never more than a third of [`lease_time`](Self::lease_time). Events written in this process are
    /// looked for at once, and those of other processes when they [announce](Self::listen) them.
    pub fn idle_poll(mut self, pause: Duration) -> Self {
        self.settings.idle_poll = pause.clamp(Duration::from_millis(10), LONGEST_TIME);
        self
    }

    /// Turns listening for the announcements of other processes on or off; `true` unless set. A relay listens on a connection of its own.
    /// Turn it off where the database is behind a pooler that passes no notifications on (`PgBouncer` in transaction mode):
    /// [`idle_poll`](Self::idle_poll) finds the events then. A PostgreSQL server that prepares transactions (`max_prepared_transactions`)
    /// announces no events, and neither do MySQL, MariaDB and SQLite.
    pub fn listen(mut self, listens: bool) -> Self {
        self.settings.listens = listens;
        self
    }

    /// The most rows that one statement reads; 1,000 unless set, at least 1.
    pub fn batch_size(mut self, rows: u32) -> Self {
        self.settings.batch_size = rows.max(1);
        self
    }

    /// The most rows in memory with their payloads, sent or waiting; 5,000 unless set, at least 1. For further rows the relay keeps the
    /// numbers alone, 100,000 at the most.
    pub fn in_flight(mut self, rows: u32) -> Self {
        self.settings.in_flight = rows.max(1);
        self
    }

    /// The most bytes of events (headers and payloads) in memory, sent or waiting; 64 MiB unless set, at least 1. One event is held
    /// whatever its size. The Kafka client has a copy of the events in flight, and a read takes room while it lasts. So a relay of large
    /// events takes about three times as much.
    pub fn in_flight_bytes(mut self, bytes: usize) -> Self {
        self.settings.in_flight_bytes = bytes.max(1);
        self
    }

    /// The number of refusals by the broker after which an event goes to the dead letters; 5 unless set, at least 1. An outage is not a
    /// refusal. An event that was refused with its batch is tried once alone in any case.
    ///
    /// A topic that is missing, or may not be written to, refuses all its events. Attempts are counted for one event at a time. Once that
    /// event was given up, the others are given up at their first refusal, until one gets through.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts.max(1);
        self
    }

    /// Moves an event that was refused [`max_attempts`](Self::max_attempts) times to the dead letters, so that its ordering key goes on;
    /// `true` unless set. Turn this off where a gap in a key's order is worse than a delay. The event stays in the outbox, is retried at
    /// least once a minute, and its key waits. An event that the broker will never accept leaves only through a relay with
    /// `give_up(true)`.
    pub fn give_up(mut self, gives_up: bool) -> Self {
        self.settings.gives_up = gives_up;
        self
    }

    /// The pause before a refused event is tried again, which doubles with each refusal up to a minute; 200 ms
    /// unless set.
    pub fn retry_delay(mut self, pause: Duration) -> Self {
        self.settings.retry_delay = pause.min(LONGEST_TIME);
        self
    }

    /// The time that a stopping relay waits for the events in flight; 10 s unless set.
    pub fn drain_time(mut self, limit: Duration) -> Self {
        self.settings.drain_time = limit.min(LONGEST_TIME);
        self
    }

    /// Keeps delivered events for `time`, in the table `{outbox}_published`, instead of deleting them; older ones are
    /// deleted in small steps. Not kept unless set.
    pub fn keep_published(mut self, time: Duration) -> Self {
        self.settings.keep_published = Some(time.min(LONGEST_TIME));
        self
    }

    /// Deletes dead letters that died at least `time` ago. They stay for ever unless this is set.
    pub fn keep_dead_letters(mut self, time: Duration) -> Self {
        self.settings.keep_dead_letters = Some(time.min(LONGEST_TIME));
        self
    }

    /// The pause between two counts of the waiting and the dead events, for the gauges; 15 s unless set. A count reads the backlog's whole
    /// index. Where that takes longer than a hundredth of the pause, the pause grows. Nothing is counted where metrics are off
    /// (`ENABLE_EVENT_METRICS=false`).
    pub fn stats_interval(mut self, pause: Duration) -> Self {
        self.settings.stats_interval = pause.clamp(Duration::from_millis(10), LONGEST_TIME);
        self
    }

    /// The relay, ready to run.
    ///
    /// # Errors
    ///
    /// [`EventError::Config`] when no configuration was given and the environment's has faults.
    pub fn build(self) -> Result<OutboxRelay, EventError> {
        let config = match self.config {
            Some(config) => config,
            None => EventConfig::from_env()?,
        };
        let table = config.outbox_table().clone();
        let outbox: Arc<str> = config.outbox_name().map_or_else(|| self.pool.outbox_name(&table), str::to_owned).into();
        let health = HealthCell::new(self.settings.lease_time, config.counts().then(|| Arc::clone(&outbox)));
        Ok(OutboxRelay { pool: self.pool, table, outbox, config, settings: self.settings, health })
    }
}

/// The builder's documentation says each.
impl Default for Settings {
    fn default() -> Self {
        Self {
            lease_time: Duration::from_secs(4),
            idle_poll: Duration::from_millis(1250),
            batch_size: 1_000,
            in_flight: 5_000,
            in_flight_bytes: 64 << 20,
            max_attempts: 5,
            gives_up: true,
            retry_delay: Duration::from_millis(200),
            drain_time: Duration::from_secs(10),
            keep_published: None,
            keep_dead_letters: None,
            listens: true,
            stats_interval: Duration::from_secs(15),
        }
    }
}
