//! A database, topics and a publisher of a run's own.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use marty_events::{
    CancellationToken, DomainEvent, EventConfig, EventConfigBuilder, EventError, EventPublisher, OutboxRelay,
    OutboxRelayBuilder,
};
use marty_events_tests::{database::TestDatabase, kafka::prefix, process::binary, servers, wait};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use tokio::task::JoinHandle;

use crate::{
    Failure,
    envelope::{Data, filler},
    rate,
};

/// Ordering keys of the events.
pub(crate) const KEYS: usize = 10_000;
pub(crate) struct Stage {
    pub(crate) brokers: String,
    pub(crate) database: TestDatabase,
    pub(crate) config: EventConfig,
    pub(crate) publisher: EventPublisher,
    pub(crate) prefix: String,
    pub(crate) topic: String,
    pub(crate) filler: String,
}

impl Stage {
    pub(crate) async fn new() -> Result<Self, Failure> {
        Self::on(&servers::postgres("load").ok_or("no PostgreSQL")?).await
    }

    /// With a database on the server of this URL.
    pub(crate) async fn on(server: &str) -> Result<Self, Failure> {
        let brokers = servers::kafka("load").ok_or("no Kafka")?;
        let database = TestDatabase::create_on(server.to_owned()).await;
        let prefix = prefix();
        let config = config(&brokers, &prefix).build()?;
        let topic = format!("{prefix}.load.account");
        let new = NewTopic::new(&topic, 3, TopicReplication::Fixed(1));
        for created in admin(&brokers)?.create_topics([&new], &AdminOptions::new()).await? {
            created.map_err(|(topic, code)| format!("{topic}: {code}"))?;
        }
        let publisher = EventPublisher::new(&config)?;
        Ok(Self { brokers, database, config, publisher, prefix, topic, filler: filler() })
    }

    pub(crate) fn data(&self, number: usize) -> Data<'_> {
        Data { number, filler: &self.filler }
    }

    pub(crate) fn event(&self, number: usize) -> DomainEvent {
        self.event_of(number % KEYS, number)
    }

    pub(crate) fn event_of(&self, key: usize, number: usize) -> DomainEvent {
        DomainEvent::new("account", key, "moved").data(&self.data(number))
    }

    /// Writes a backlog.
    pub(crate) async fn fill(&self, events: usize) -> Result<(), Failure> {
        self.fill_in(events, KEYS).await
    }

    /// The same with so many ordering keys.
    pub(crate) async fn fill_in(&self, events: usize, keys: usize) -> Result<(), Failure> {
        for first in (0..events).step_by(5_000) {
            let mut transaction = self.database.pool.begin().await?;
            let part = (first..events.min(first + 5_000)).map(|number| self.event_of(number % keys, number));
            self.publisher.publish_all_in(&mut transaction, part).await?;
            transaction.commit().await?;
        }
        // As autovacuum would have.
        sqlx::query("ANALYZE event_outbox").execute(&self.database.pool).await?;
        Ok(())
    }

    pub(crate) fn relay(&self) -> OutboxRelayBuilder {
        OutboxRelay::builder(&self.database.pool).config(self.config.clone())
    }

    /// The number of events that relays have settled, by their last heartbeats; the outbox itself is not walked through.
    pub(crate) async fn delivered(&self) -> Result<usize, Failure> {
        let sql = "SELECT sum(published)::bigint FROM (
            SELECT published FROM event_outbox_lanes UNION ALL SELECT published FROM event_outbox_relays) AS settled";
        let delivered: i64 = sqlx::query_scalar(sql).fetch_one(&self.database.pool).await?;
        Ok(usize::try_from(delivered)?)
    }

    /// Until so many events are settled, or none is left: relays count with their heartbeats, and the last event is seen to be gone before.
    pub(crate) async fn until_delivered(&self, events: usize) {
        wait::within(Duration::from_mins(20), "every event", || async {
            let is_over = self.last().await.ok()?.is_none() || events <= self.delivered().await.ok()?;
            is_over.then_some(())
        })
        .await;
    }

    /// The last event that waits; those before it are not walked through.
    async fn last(&self) -> Result<Option<i64>, Failure> {
        let last = sqlx::query_scalar("SELECT seq FROM event_outbox ORDER BY seq DESC LIMIT 1");
        Ok(last.fetch_optional(&self.database.pool).await?)
    }

    /// The rate at which one relay delivers so many events that are there, from its start on.
    pub(crate) async fn relay_rate(&self, events: usize) -> Result<f64, Failure> {
        let begin = Instant::now();
        let relay = RunningRelay::start(self.relay())?;
        self.until_delivered(events).await;
        let rate = rate(events, begin.elapsed());
        relay.stop().await?;
        Ok(rate)
    }

    /// A relay in a process of its own, whose program is there now.
    pub(crate) fn relay_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("marty-events-cli", "marty-events", &["--release"]));
        command
            .arg("relay")
            .args(arguments)
            .env("DATABASE_URL", &self.database.url)
            .env("SERVICE_NAME", "load")
            .env("KAFKA_BROKERS", &self.brokers)
            .env("EVENT_TOPIC_PREFIX", &self.prefix)
            .env("EVENT_DOMAIN_TOPIC", "{service}.{aggregate}")
            .stderr(Stdio::null());
        command
    }

    /// Rows of the outbox that are deleted, and whose place no vacuum has freed yet, once PostgreSQL has counted so many deliveries:
    /// sessions report their work a little later.
    pub(crate) async fn dead_rows(&self, delivered: usize) -> Result<f64, Failure> {
        let delivered = i64::try_from(delivered)?;
        let sql =
            "SELECT n_dead_tup::float8 FROM pg_stat_user_tables WHERE relname = 'event_outbox' AND $1 <= n_tup_del";
        let dead = async || sqlx::query_scalar(sql).bind(delivered).fetch_optional(&self.database.pool).await.ok()?;
        Ok(wait::until("a count of the deliveries", dead).await)
    }

    /// Removes the topic too, where its records would take room.
    pub(crate) async fn end_with_topic(self) -> Result<(), Failure> {
        for deleted in admin(&self.brokers)?.delete_topics(&[&self.topic], &AdminOptions::new()).await? {
            deleted.map_err(|(topic, code)| format!("{topic}: {code}"))?;
        }
        self.end().await;
        Ok(())
    }

    pub(crate) async fn end(self) {
        self.database.drop_database().await;
    }
}

fn admin(brokers: &str) -> Result<AdminClient<DefaultClientContext>, Failure> {
    Ok(ClientConfig::new().set("bootstrap.servers", brokers).create()?)
}

pub(crate) fn config(brokers: &str, prefix: &str) -> EventConfigBuilder {
    EventConfig::builder()
        .service_name("load")
        .brokers(brokers)
        .topic_prefix(prefix)
        .domain_topic("{service}.{aggregate}")
}

pub(crate) struct RunningRelay {
    stop: CancellationToken,
    task: JoinHandle<Result<(), EventError>>,
}

impl RunningRelay {
    pub(crate) fn start(relay: OutboxRelayBuilder) -> Result<Self, Failure> {
        let stop = CancellationToken::new();
        Ok(Self { task: tokio::spawn(relay.build()?.run(stop.clone())), stop })
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}
