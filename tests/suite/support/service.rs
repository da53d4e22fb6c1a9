//! A service with a database and topics of its own, and a reader of everything it publishes.

use std::time::Duration;

use marty_events::{
    CancellationToken, EventConfig, EventConfigBuilder, EventError, EventPublisher, OutboxRelay, OutboxRelayBuilder,
};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    servers, wait,
};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinHandle;
use tracing::{Dispatch, instrument::WithSubscriber};

pub(crate) struct Service {
    pub(crate) database: TestDatabase,
    pub(crate) config: EventConfig,
    pub(crate) publisher: EventPublisher,
    pub(crate) reader: Reader,
    pub(crate) prefix: String,
}

impl Service {
    /// Nothing, after reporting `test` as skipped, where a server is missing.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let brokers = servers::kafka(test)?;
        Some(Self::on(TestDatabase::create(test).await?, &brokers))
    }

    /// A service of this database and these brokers.
    pub(crate) fn on(database: TestDatabase, brokers: &str) -> Self {
        let prefix = prefix();
        let config = config(brokers, &prefix);
        let publisher = EventPublisher::new(&config).expect("a publisher");
        let reader = Reader::start(brokers, &prefix);
        Self { database, config, publisher, reader, prefix }
    }

    /// A relay with a short lease, so that a test need not wait for a dead one's.
    pub(crate) fn relay(&self) -> OutboxRelayBuilder {
        self.relay_in(&self.database.pool)
    }

    /// The same through another pool.
    pub(crate) fn relay_in(&self, pool: &PgPool) -> OutboxRelayBuilder {
        OutboxRelay::builder(pool).config(self.config.clone()).lease_time(wait::patient(Duration::from_secs(1)))
    }

    /// Runs a relay until the answer is stopped.
    pub(crate) fn run_relay(&self) -> RunningRelay {
        RunningRelay::start(self.relay())
    }
}

/// The number of rows of a table.
pub(crate) async fn count(pool: &PgPool, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(pool).await.expect("a count")
}

pub(crate) fn config(brokers: &str, prefix: &str) -> EventConfig {
    builder(brokers, prefix).build().expect("a valid configuration")
}

/// A publisher whose direct events wait for the broker for as long as a test does, and not for its own 10 s.
pub(crate) fn patient_publisher(brokers: &str, prefix: &str) -> EventPublisher {
    let limit = wait::patient(wait::DEADLINE).as_millis().to_string();
    let config = builder(brokers, prefix).producer_property("message.timeout.ms", limit);
    EventPublisher::new(&config.build().expect("a valid configuration")).expect("a publisher")
}

fn builder(brokers: &str, prefix: &str) -> EventConfigBuilder {
    EventConfig::builder().service_name("suite").brokers(brokers).topic_prefix(prefix)
}

pub(crate) struct RunningRelay {
    stop: CancellationToken,
    task: JoinHandle<Result<(), EventError>>,
}

impl RunningRelay {
    pub(crate) fn start(relay: OutboxRelayBuilder) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(relay.build().expect("a relay").run(stop.clone()));
        Self { stop, task }
    }

    /// The same with its log kept.
    pub(crate) fn start_under(relay: OutboxRelayBuilder, log: Dispatch) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(relay.build().expect("a relay").run(stop.clone()).with_subscriber(log));
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("the relay does not panic").expect("the relay ends in good order");
    }

    /// Drops the relay's future between two of its steps, as a process that is aborted does.
    pub(crate) async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
