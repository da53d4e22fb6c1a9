//! The same promises on every database.

use std::time::Duration;

use marty_events::{
    DomainEvent, EventError, EventOrdering, EventPublisher, OutboxRelay, OutboxRepository, OutboxTransaction,
    outbox::{OutboxPool, OutboxTable, migrate_table},
};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    servers, topics, wait,
};
use sqlx::{Database, Pool, Sqlite, sqlite::SqliteConnectOptions, sqlite::SqlitePoolOptions};

use crate::{
    delivery::{histories, numbered},
    setup::{RunningRelay, config},
};

/// A migrated outbox in a database of the test's own, and the topics of its service.
struct Scene<DB: Database> {
    pool: Pool<DB>,
    outbox: OutboxRepository,
    publisher: EventPublisher,
    reader: Reader,
    brokers: String,
    prefix: String,
    _folder: tempfile::TempDir,
}

impl<DB> Scene<DB>
where
    DB: Database<Connection: OutboxTransaction>,
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    async fn new(pool: Pool<DB>, brokers: String, folder: tempfile::TempDir) -> Self {
        marty_events::outbox::migrate(&pool).await.expect("the tables");
        marty_events::outbox::migrate(&pool).await.expect("the same tables");
        let prefix = prefix();
        Self {
            outbox: OutboxRepository::new(&pool),
            publisher: EventPublisher::unregistered(&config(&brokers, &prefix)).expect("a publisher"),
            reader: Reader::start(&brokers, &prefix),
            pool,
            brokers,
            prefix,
            _folder: folder,
        }
    }

    fn relay(&self) -> RunningRelay {
        let relay = OutboxRelay::builder(&self.pool).config(config(&self.brokers, &self.prefix));
        let relay = relay.lease_time(Duration::from_secs(1)).max_attempts(2).retry_delay(Duration::from_millis(20));
        RunningRelay::start(relay)
    }

    async fn write(&self, events: impl IntoIterator<Item = DomainEvent>) -> Vec<uuid::Uuid> {
        let mut transaction = self.pool.begin().await.expect("a transaction");
        let ids = self.publisher.publish_all_in(&mut transaction, events).await.expect("they are written");
        transaction.commit().await.expect("the commit");
        ids
    }

    async fn until_empty(&self) {
        wait::until("an empty outbox", || async { (self.outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    }

    /// Committed events are delivered in the order of each key, by relays that come and go; rolled back ones are not.
    async fn delivers_what_was_committed_in_order(self) {
        let first = self.relay();
        for round in 0..10 {
            let mut undone = self.pool.begin().await.expect("a transaction");
            self.publisher.publish_in(&mut undone, numbered("undone", round)).await.expect("it is written");
            undone.rollback().await.expect("the rollback");
            let ordering = if round % 2 == 0 { EventOrdering::Key } else { EventOrdering::Commit };
            self.write((0..20).map(|key| numbered(&format!("k-{key}"), round).ordering(ordering))).await;
        }
        let second = self.relay();
        self.write((0..20).map(|key| numbered(&format!("k-{key}"), 10))).await;
        first.abort().await;
        self.write((0..20).map(|key| numbered(&format!("k-{key}"), 11))).await;
        let records = self.reader.events(12 * 20).await;
        let histories = histories(&records);
        assert_eq!(histories.len(), 20);
        for (key, history) in histories {
            assert_eq!(history, (0..12).collect::<Vec<i64>>(), "{key}");
        }
        self.until_empty().await;
        second.stop().await;
    }

    /// A poison event dies alone, and can be brought back, emptied and deleted.
    async fn keeps_and_repairs_dead_letters(self) {
        let topic = format!("{}.suite.account.moved", self.prefix);
        topics::create(&self.brokers, &topic, 2_000).await;
        let poison = |key: &str| DomainEvent::new("account", key, "moved").data(&"x".repeat(5_000)).expect("JSON");
        let mut ids = self.write([poison("a"), poison("b"), poison("c")]).await;
        self.write([numbered("a", 1), numbered("d", 1)]).await;
        let relay = self.relay();
        self.reader.events(2).await;
        self.until_empty().await;
        let dead = self.outbox.dead_letters(10).await.expect("dead letters");
        let mut found: Vec<_> = dead.iter().map(|dead| dead.event.event_id).collect();
        found.sort_unstable();
        ids.sort_unstable();
        assert_eq!(found, ids);
        assert!(dead.iter().all(|dead| dead.event.attempts == 2 && !dead.reason.is_empty()), "{dead:?}");

        topics::widen(&self.brokers, &topic, 100_000).await;
        assert_eq!(self.outbox.redact(&ids[1..2]).await.expect("it is emptied"), 1);
        assert_eq!(self.outbox.discard(&ids[2..]).await.expect("it is deleted"), 1);
        assert_eq!(self.outbox.requeue(&ids).await.expect("it is brought back"), 1, "the one that is whole");
        let records = self.reader.events(3).await;
        assert!(records.iter().any(|record| record.id() == Some(ids[0].to_string().as_str())), "under the same id");
        self.until_empty().await;
        relay.stop().await;
        assert_eq!(self.outbox.cleanup(Duration::ZERO).await.expect("it is cleaned up"), 1);
        let stats = self.outbox.stats().await.expect("the counts");
        assert_eq!((stats.pending, stats.dead, stats.published), (0, 0, 3));
    }

    /// Errors that say what to do, and many events at once.
    async fn says_what_is_missing_and_takes_many(self) {
        let mut connection = self.pool.acquire().await.expect("a connection");
        let error = self.publisher.publish_in(&mut *connection, numbered("k", 0)).await.expect_err("no transaction");
        assert!(matches!(error, EventError::NotInTransaction), "{error:?}");
        drop(connection);

        self.write((0..10_000).map(|number| numbered(&format!("k-{number}"), number))).await;
        assert_eq!(self.outbox.stats().await.expect("the counts").pending, 10_000);
        self.outbox.validate().await.expect("the tables are there");

        let elsewhere = OutboxTable::parse("elsewhere").expect("a name");
        let other = OutboxRepository::new(&self.pool).table(elsewhere.clone());
        let error = other.validate().await.expect_err("no such tables");
        assert!(matches!(error, EventError::OutboxTableMissing { .. }), "{error:?}");
        migrate_table(&self.pool, &elsewhere).await.expect("the tables");
        other.validate().await.expect("now they are");
    }
}

async fn sqlite(test: &str) -> Option<Scene<Sqlite>> {
    let brokers = servers::kafka(test)?;
    let folder = tempfile::tempdir().expect("a folder");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("outbox.db"))
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.expect("a database");
    Some(Scene::new(pool, brokers, folder).await)
}

async fn postgres(test: &str) -> Option<Scene<sqlx::Postgres>> {
    let brokers = servers::kafka(test)?;
    let database = TestDatabase::create(test).await?;
    Some(Scene::new(database.pool, brokers, tempfile::tempdir().expect("a folder")).await)
}

macro_rules! on_every_database {
    ($($promise:ident)*) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                if let Some(scene) = super::postgres(concat!("on_postgres::", stringify!($promise))).await {
                    scene.$promise().await;
                }
            })*
        }

        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                if let Some(scene) = super::sqlite(concat!("on_sqlite::", stringify!($promise))).await {
                    scene.$promise().await;
                }
            })*
        }
    };
}

on_every_database! {
    delivers_what_was_committed_in_order
    keeps_and_repairs_dead_letters
    says_what_is_missing_and_takes_many
}
