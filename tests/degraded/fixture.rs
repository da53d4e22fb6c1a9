//! A database with an outbox, the topics of its events, and the deliveries of its events.

use std::time::Duration;

use marty_events::{
    DomainEvent, EventConfig, EventPublisher, OutboxRelay, OutboxRelayBuilder, OutboxRepository, outbox::OutboxPool,
};
use marty_events_tests::{database::TestDatabase, kafka, mariadb::MariaDatabase, servers, topics, wait};
use sqlx::{AssertSqlSafe, MySql, Postgres, Transaction, mysql::MySqlPoolOptions, postgres::PgPoolOptions};
use uuid::Uuid;

use crate::deliveries::Deliveries;

/// The topic of events that nothing is wrong with.
pub(crate) const HEALTHY: &str = "healthy";
/// The partitions of a topic.
pub(crate) const PARTITIONS: i32 = 3;
/// The rows of one insert.
const CHUNK: usize = 5_000;

/// The kind of an outbox's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    MariaDb,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
        }
    }
}

pub(crate) struct Fixture {
    pub(crate) kind: Kind,
    pub(crate) pool: OutboxPool,
    pub(crate) url: String,
    pub(crate) brokers: String,
    pub(crate) prefix: String,
    pub(crate) publisher: EventPublisher,
    pub(crate) outbox: OutboxRepository,
    pub(crate) deliveries: Deliveries,
}

/// A transaction that is still open.
pub(crate) enum Open {
    Postgres(Transaction<'static, Postgres>),
    MariaDb(Transaction<'static, MySql>),
}

/// An event of `aggregate`, which goes to a topic of its own.
pub(crate) fn event(aggregate: &str, key: &str, number: usize) -> DomainEvent {
    DomainEvent::new(aggregate, key, "moved").data(&serde_json::json!({"number": number}))
}

/// The same with so many bytes of data.
pub(crate) fn large(aggregate: &str, key: &str, size: usize) -> DomainEvent {
    DomainEvent::new(aggregate, key, "moved").data(&"x".repeat(size))
}

pub(crate) fn config(brokers: &str, prefix: &str) -> EventConfig {
    let config = EventConfig::builder().service_name("degraded").brokers(brokers).topic_prefix(prefix);
    config.build().expect("a configuration")
}

impl Fixture {
    /// Nothing, after reporting `test` as skipped, where a server is missing.
    pub(crate) async fn new(test: &str, kind: Kind) -> Option<Self> {
        let brokers = servers::kafka(test)?;
        Self::with_brokers(test, kind, &brokers).await
    }

    /// A fixture with these brokers; its topic of healthy events is made here.
    pub(crate) async fn with_brokers(test: &str, kind: Kind, brokers: &str) -> Option<Self> {
        let (pool, url) = match kind {
            Kind::Postgres => {
                let database = TestDatabase::create(test).await?;
                (database.pool.into(), database.url)
            }
            Kind::MariaDb => {
                let database = MariaDatabase::create(test).await?;
                (database.pool.into(), database.url)
            }
        };
        let prefix = kafka::prefix();
        let healthy = topic(&prefix, HEALTHY);
        topics::make(brokers, &healthy, PARTITIONS, &[]).await;
        Some(Self::of(kind, pool, url, brokers, prefix, &[(healthy, PARTITIONS)]))
    }

    /// A fixture of a PostgreSQL database on the server of this administrative URL.
    pub(crate) async fn on_postgres(admin: String, brokers: &str) -> Self {
        let database = TestDatabase::create_on(admin).await;
        let prefix = kafka::prefix();
        let healthy = topic(&prefix, HEALTHY);
        topics::make(brokers, &healthy, PARTITIONS, &[]).await;
        Self::of(Kind::Postgres, database.pool.into(), database.url, brokers, prefix, &[(healthy, PARTITIONS)])
    }

    /// A fixture of topics that are there already.
    pub(crate) fn of(
        kind: Kind,
        pool: OutboxPool,
        url: String,
        brokers: &str,
        prefix: String,
        read: &[(String, i32)],
    ) -> Self {
        Self {
            kind,
            outbox: OutboxRepository::new(pool.clone()),
            pool,
            url,
            publisher: EventPublisher::new(&config(brokers, &prefix)).expect("a publisher"),
            deliveries: Deliveries::start(brokers, read),
            brokers: brokers.to_owned(),
            prefix,
        }
    }

    /// The name of the topic of an aggregate's events.
    pub(crate) fn topic(&self, aggregate: &str) -> String {
        topic(&self.prefix, aggregate)
    }

    /// A relay with connections of its own, and with the defaults.
    pub(crate) fn relay(&self) -> OutboxRelayBuilder {
        self.relay_by(&self.url, &self.brokers, 10)
    }

    /// The same by other addresses of the servers, with so many connections.
    pub(crate) fn relay_by(&self, url: &str, brokers: &str, connections: u32) -> OutboxRelayBuilder {
        let pool: OutboxPool = match self.kind {
            Kind::Postgres => {
                PgPoolOptions::new().max_connections(connections).connect_lazy(url).expect("a URL").into()
            }
            Kind::MariaDb => {
                MySqlPoolOptions::new().max_connections(connections).connect_lazy(url).expect("a URL").into()
            }
        };
        OutboxRelay::builder(pool).config(config(brokers, &self.prefix))
    }

    /// A transaction that has written these events.
    pub(crate) async fn open(&self, events: impl IntoIterator<Item = DomainEvent>) -> (Open, Vec<Uuid>) {
        let mut open = match &self.pool {
            OutboxPool::Postgres(pool) => Open::Postgres(pool.begin().await.expect("a transaction")),
            OutboxPool::MySql(pool) => Open::MariaDb(pool.begin().await.expect("a transaction")),
            other => panic!("{other:?}"),
        };
        let (mut events, mut ids) = (events.into_iter(), Vec::new());
        loop {
            let chunk: Vec<_> = events.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return (open, ids);
            }
            ids.extend(
                match &mut open {
                    Open::Postgres(transaction) => self.publisher.publish_all_in(transaction, chunk).await,
                    Open::MariaDb(transaction) => self.publisher.publish_all_in(transaction, chunk).await,
                }
                .expect("they are written"),
            );
        }
    }

    /// Writes these events in one transaction.
    pub(crate) async fn write(&self, events: impl IntoIterator<Item = DomainEvent>) -> Vec<Uuid> {
        let (open, ids) = self.open(events).await;
        open.commit().await;
        ids
    }

    /// Writes `count` healthy events of as many keys, each in a transaction of its own.
    pub(crate) async fn write_healthy(&self, count: usize) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.extend(self.write([event(HEALTHY, &Uuid::new_v4().to_string(), 0)]).await);
        }
        ids
    }

    /// Runs statements.
    pub(crate) async fn sql(&self, sql: &str) {
        match &self.pool {
            OutboxPool::Postgres(pool) => sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.map(drop),
            OutboxPool::MySql(pool) => sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.map(drop),
            other => panic!("{other:?}"),
        }
        .expect("the database does it");
    }

    /// The number that a query answers.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        match &self.pool {
            OutboxPool::Postgres(pool) => sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(pool).await,
            OutboxPool::MySql(pool) => sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(pool).await,
            other => panic!("{other:?}"),
        }
        .expect("a number")
    }

    /// Waits until so many relays have lanes, or `limit` is over.
    pub(crate) async fn until_working(&self, relays: usize, limit: Duration) {
        wait::within(limit, &format!("{relays} relays with lanes"), || async {
            let working = self.outbox.relays().await.ok()?;
            (working.iter().filter(|relay| !relay.lanes.is_empty()).count() == relays).then_some(())
        })
        .await;
    }

    /// A transaction that has done nothing yet.
    pub(crate) async fn begin(&self) -> Open {
        self.open([]).await.0
    }
}

impl Open {
    pub(crate) async fn commit(self) {
        match self {
            Self::Postgres(transaction) => transaction.commit().await,
            Self::MariaDb(transaction) => transaction.commit().await,
        }
        .expect("the commit");
    }

    /// Runs a statement in it.
    pub(crate) async fn sql(&mut self, sql: &str) {
        match self {
            Self::Postgres(transaction) => {
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **transaction).await.map(drop)
            }
            Self::MariaDb(transaction) => {
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **transaction).await.map(drop)
            }
        }
        .expect("the database does it");
    }
}

pub(crate) fn topic(prefix: &str, aggregate: &str) -> String {
    format!("{prefix}.degraded.{aggregate}.moved")
}
