use std::{fmt, sync::Arc, time::Duration};

use sqlx::Pool;

use super::{
    EventConsumer, EventHandlers, HandlerDescription, calls::AnyHandlers, health::HealthCell, routes::Routes,
    settings::Settings,
};
use crate::{
    EventError,
    config::EventConfig,
    inbox::{InboxDatabase, InboxTable},
    kafka::{GroupProtocol, MemberSettings, StartAt, refused_property},
    outbox::LONGEST_TIME,
};

/// The time that a hand-over waits for records at work: a group gets a partition on within 2 s.
const HAND_OVER_TIME: Duration = Duration::from_millis(1_500);
/// The longest name of a group, as the inbox keeps it.
const LONGEST_GROUP: usize = 249;

/// The handlers of an object, and their descriptions.
type Described<DB> = (Box<dyn AnyHandlers<DB>>, &'static [HandlerDescription]);

/// Settings of an [`EventConsumer`]; every one but the group and the handlers has a default. A time above a hundred years counts as a
/// hundred years.
#[must_use = "nothing is handled until it is built and run"]
pub struct EventConsumerBuilder<DB: InboxDatabase> {
    pool: Pool<DB>,
    table: InboxTable,
    config: Option<EventConfig>,
    group: Option<String>,
    objects: Vec<Described<DB>>,
    settings: Settings,
    protocol: GroupProtocol,
    start_at: StartAt,
    properties: Vec<(String, String)>,
}

impl<DB: InboxDatabase> EventConsumer<DB> {
    /// A consumer with its inbox in `pool`'s database, in which its handlers write.
    ///
    /// It makes connections of its own with the pool's options, one for each handler that runs and a few more. In SQLite it uses the pool
    /// itself.
    pub fn builder(pool: &Pool<DB>) -> EventConsumerBuilder<DB> {
        EventConsumerBuilder::new(pool.clone())
    }
}

impl<DB: InboxDatabase> fmt::Debug for EventConsumerBuilder<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A property may be a secret.
        f.debug_struct("EventConsumerBuilder")
            .field("group", &self.group)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<DB: InboxDatabase> EventConsumerBuilder<DB> {
    fn new(pool: Pool<DB>) -> Self {
        Self {
            pool,
            table: InboxTable::default(),
            config: None,
            group: None,
            objects: Vec::new(),
            settings: Settings::default(),
            protocol: GroupProtocol::default(),
            start_at: StartAt::default(),
            properties: Vec::new(),
        }
    }

    /// Brokers, security and the topics' prefix; read from the environment unless set.
    pub fn config(mut self, config: EventConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// The consumer group. Each group handles every event once, and all processes of a service share one.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// The table of the inbox, also `schema.table`; `event_inbox` unless set.
    pub fn inbox_table(mut self, table: InboxTable) -> Self {
        self.table = table;
        self
    }

    /// Adds the handlers of an object, which `#[event_handlers]` describes. Called again, it adds further ones; no two may be for the same
    /// event.
    pub fn handlers<H: EventHandlers<DB>>(mut self, handlers: H) -> Self {
        self.objects.push((Box::new(handlers), H::HANDLERS));
        self
    }

    /// The most handlers that run at a time, each for another key; 16 unless set, at least 1. Each has a connection to the database while it
    /// runs, and for a tenth of a second after; four times as many are made at the most, while events wait for a process of the group that is
    /// paused. In SQLite, which has one writer at a time, it is 1.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.settings.concurrency = handlers.clamp(1, 1_024);
        self
    }

    /// The number of failed calls after which an event is a dead letter of the group; 10 unless set, at least 1. A handler's own `attempts`
    /// goes before it. An outage of the database is not a failed call.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts.max(1);
        self
    }

    /// The pause before a failed event is tried again, which doubles with each failure; 1 s unless set.
    pub fn retry_delay(mut self, pause: Duration) -> Self {
        self.settings.retry_delay = pause.min(LONGEST_TIME);
        self
    }

    /// The longest of these pauses; 5 minutes unless set.
    pub fn longest_retry_delay(mut self, pause: Duration) -> Self {
        self.settings.longest_retry_delay = pause.min(LONGEST_TIME);
        self
    }

    /// Lets the key of a dead letter wait until somebody requeues or discards it; `false` unless set, and then the key goes on without the
    /// event.
    pub fn hold_keys(mut self, holds: bool) -> Self {
        self.settings.holds_keys = holds;
        self
    }

    /// The longest time of a call, after which it is dropped and counts as failed; 30 s unless set. A handler's own `timeout` goes before it.
    pub fn handler_timeout(mut self, limit: Duration) -> Self {
        self.settings.handler_timeout = limit.clamp(Duration::from_millis(1), LONGEST_TIME);
        self
    }

    /// The time for which the inbox remembers events, so that they are dropped when they come again; 7 days unless set, and never less than
    /// a topic's own retention where the broker tells it.
    pub fn inbox_retention(mut self, time: Duration) -> Self {
        self.settings.inbox_retention = time.min(LONGEST_TIME);
        self
    }

    /// The time that a stopping consumer waits for the handlers at work; 10 s unless set. Those that are not done then are dropped, and their
    /// events handled by the next consumer.
    pub fn drain_time(mut self, limit: Duration) -> Self {
        self.settings.drain_time = limit.min(LONGEST_TIME);
        self
    }

    /// The way in which the group shares its partitions out; [`GroupProtocol::Classic`] unless set.
    pub fn group_protocol(mut self, protocol: GroupProtocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The first record of a partition of which the group has no offset; [`StartAt::Earliest`] unless set.
    pub fn start_at(mut self, start_at: StartAt) -> Self {
        self.start_at = start_at;
        self
    }

    /// The most records in memory, waiting or at work; 5,000 unless set, at least 1. Each partition has an equal share. Nothing
    /// is read while one of them is full, for 100 ms at the most; then that partition is paused alone.
    pub fn in_flight(mut self, rows: usize) -> Self {
        self.settings.in_flight = rows.max(1);
        self
    }

    /// The most bytes of records in memory; 64 MiB unless set, at least 1. One record of a partition is held whatever its size. The Kafka
    /// client reads a quarter of that ahead.
    pub fn in_flight_bytes(mut self, bytes: usize) -> Self {
        self.settings.in_flight_bytes = bytes.max(1);
        self
    }

    /// The most events of a call of a handler that takes a `Vec` of them; 100 unless set, at least 1.
    pub fn longest_batch(mut self, events: usize) -> Self {
        self.settings.longest_batch = events.max(1);
        self
    }

    /// A property of librdkafka's consumer, such as `session.timeout.ms` or `group.instance.id`. One that has a method or a variable of its
    /// own, or that would break a promise, is refused by [`build`](Self::build).
    pub fn client_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// The consumer, ready to run.
    ///
    /// # Errors
    ///
    /// [`EventError::Config`] when no configuration was given and the environment's has faults; [`EventError::InvalidConsumer`] without a
    /// group or handlers, with two handlers of one event, and with a property that is refused; [`EventError::InvalidTopic`] and
    /// [`EventError::InvalidEvent`] for a handler's topic.
    pub fn build(self) -> Result<EventConsumer<DB>, EventError> {
        let config = match self.config {
            Some(config) => config,
            None => EventConfig::from_env()?,
        };
        let invalid = |problem: String| Err(EventError::InvalidConsumer { problem });
        let group = match self.group.as_deref().map(str::trim) {
            None | Some("") => {
                return invalid("it has no group; call `group(\"..\")` with the service's name".to_owned());
            }
            Some(group) if LONGEST_GROUP < group.len() => {
                return invalid(format!("its group has {} bytes, and {LONGEST_GROUP} are allowed", group.len()));
            }
            Some(group) => group.to_owned(),
        };
        for (name, _) in &self.properties {
            if let Some(cure) = refused_property(name) {
                return invalid(format!("the property `{name}` is not taken; {cure}"));
            }
        }
        let mut routes = Routes::default();
        let mut handlers = Vec::new();
        for (object, (implementation, descriptions)) in self.objects.into_iter().enumerate() {
            routes.add(object, descriptions, &config)?;
            handlers.push(implementation);
        }
        if routes.topics().is_empty() {
            return invalid(
                "it has no handlers; call `handlers(..)` with an object that has `#[event_handlers]`".to_owned(),
            );
        }
        let mut settings = self.settings;
        if DB::NAME == "SQLite" {
            settings.concurrency = 1;
        }
        let member = MemberSettings {
            group: group.clone(),
            protocol: self.protocol,
            start_at: self.start_at,
            hand_over_time: HAND_OVER_TIME,
            read_ahead: settings.in_flight_bytes / 4,
            properties: self.properties,
        };
        Ok(EventConsumer {
            pool: self.pool,
            table: self.table,
            config,
            group: group.into(),
            handlers,
            routes: Arc::new(routes),
            settings,
            member,
            health: HealthCell::new(),
        })
    }
}
