//! A topic with events, a database with an inbox and effects, and consumers of a test's own.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use marty_events::{
    CancellationToken, CustomEvent, EventConfig, EventConsumer, EventConsumerBuilder, EventError, EventHandlers,
    EventPublisher, inbox::InboxRepository,
};
use marty_events_tests::{
    effects::{EVENT_TYPE, EffectsDatabase, EffectsStore, TOPIC},
    kafka::prefix,
    servers, topics, wait,
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use sqlx::{Pool, Postgres};
use tokio::task::JoinHandle;

use super::service::{config, patient_publisher};

/// A topic, its events, and the database of their effects.
pub(crate) struct Topic<DB: EffectsDatabase = Postgres> {
    pub(crate) database: EffectsStore<DB>,
    pub(crate) config: EventConfig,
    pub(crate) brokers: String,
    pub(crate) prefix: String,
    publisher: EventPublisher,
}

impl Topic {
    /// The same as [`start_in`](Self::start_in) of PostgreSQL.
    pub(crate) async fn start(test: &str, partitions: i32) -> Option<Self> {
        Self::start_in(test, partitions).await
    }
}

impl<DB: EffectsDatabase> Topic<DB> {
    /// Nothing, after reporting `test` as skipped, where a server is missing.
    pub(crate) async fn start_in(test: &str, partitions: i32) -> Option<Self> {
        Self::start_with(test, partitions, &[]).await
    }

    /// The same of a topic with these settings.
    pub(crate) async fn start_with(test: &str, partitions: i32, settings: &[(&str, &str)]) -> Option<Self> {
        let brokers = servers::kafka(test)?;
        let database = DB::create(test).await?;
        Some(Self::on(database, &brokers, partitions, settings).await)
    }

    pub(crate) async fn on(
        database: EffectsStore<DB>,
        brokers: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Self {
        database.make_tables().await;
        let prefix = prefix();
        topics::make(brokers, &format!("{prefix}.{TOPIC}"), partitions, settings).await;
        let config = config(brokers, &prefix);
        let publisher = patient_publisher(brokers, &prefix);
        Self { database, config, brokers: brokers.to_owned(), prefix, publisher }
    }

    pub(crate) fn group(&self) -> String {
        format!("{}-handlers", self.prefix)
    }

    pub(crate) fn consumer(&self, handlers: impl EventHandlers<DB>) -> EventConsumerBuilder<DB> {
        self.consumer_in(&self.database.pool, handlers)
    }

    pub(crate) fn consumer_in(&self, pool: &Pool<DB>, handlers: impl EventHandlers<DB>) -> EventConsumerBuilder<DB> {
        let builder = EventConsumer::builder(pool).config(self.config.clone()).group(self.group()).handlers(handlers);
        builder.retry_delay(Duration::from_millis(50)).longest_retry_delay(Duration::from_millis(200))
    }

    /// Publishes these numbers of these keys, the numbers of a key in their order.
    pub(crate) async fn publish(&self, keys: &[&str], numbers: std::ops::Range<i64>) {
        for number in numbers {
            let all = keys.iter().map(|key| self.publisher.publish(posted(key, number)));
            for published in join_all(all).await {
                published.expect("the event is published");
            }
        }
    }

    /// Waits until so many effects are there.
    pub(crate) async fn until_effects(&self, count: usize) {
        wait::until(format!("{count} effects"), || async {
            let rows = self.database.number("SELECT count(*) FROM effects").await.ok()?;
            (count <= usize::try_from(rows).expect("a count")).then_some(())
        })
        .await;
    }

    /// The numbers of each key in the order of their effects.
    pub(crate) async fn effects(&self) -> BTreeMap<String, Vec<i64>> {
        let sql = "SELECT entry_key, number FROM effects ORDER BY place".to_owned();
        let rows = DB::rows(&self.database.pool, sql).await.expect("the effects");
        let mut effects = BTreeMap::<String, Vec<i64>>::new();
        for (key, number) in rows {
            effects.entry(key).or_default().push(number);
        }
        effects
    }

    /// Each key has had the effects of these numbers once, in their order.
    pub(crate) async fn assert_once_in_order(&self, keys: &[&str], numbers: std::ops::Range<i64>) {
        let expected: Vec<i64> = numbers.collect();
        let effects = self.effects().await;
        for key in keys {
            assert_eq!(effects.get(*key), Some(&expected), "the effects of {key}");
        }
        assert_eq!(effects.len(), keys.len());
    }

    /// The count of rows of a table of the inbox.
    pub(crate) async fn parked(&self, state: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM event_inbox_parked WHERE state = '{state}'");
        self.database.number(&sql).await.expect("a count")
    }

    /// The effects that a process has had.
    pub(crate) async fn effects_of(&self, process: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM effects WHERE process = '{process}'");
        self.database.number(&sql).await.expect("a count")
    }

    pub(crate) fn inbox(&self) -> InboxRepository {
        InboxRepository::new(DB::inbox_pool(&self.database.pool))
    }

    /// Lets the broker forget the group's offsets. No consumer may be in it.
    pub(crate) async fn reset_group(&self) {
        let group = self.group();
        wait::until("a group without members", || async {
            let admin: AdminClient<DefaultClientContext> =
                ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("a client");
            let deleted = admin.delete_groups(&[&group], &AdminOptions::new()).await.ok()?;
            deleted.into_iter().all(|answer| answer.is_ok()).then_some(())
        })
        .await;
    }
}

fn posted(key: &str, number: i64) -> CustomEvent {
    let data = serde_json::json!({ "number": number });
    CustomEvent::new(TOPIC, EVENT_TYPE).key(key).data(&data)
}

/// A consumer of this process.
pub(crate) struct RunningConsumer {
    stop: CancellationToken,
    task: JoinHandle<Result<(), EventError>>,
}

impl RunningConsumer {
    pub(crate) fn start<DB: EffectsDatabase>(consumer: EventConsumerBuilder<DB>) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(consumer.build().expect("a consumer").run(stop.clone()));
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("the consumer does not panic").expect("the consumer ends in good order");
    }

    /// Drops the consumer's future between two of its steps, as a process that is aborted does.
    pub(crate) async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
