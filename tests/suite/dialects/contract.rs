//! The same promises on every database.

mod inspection;
mod search;
mod terms;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use marty_events::{
    DomainEvent, EventError, EventOrdering, EventPublisher, OutboxRelay, OutboxRepository, OutboxTransaction,
    outbox::{DeadLetterQuery, OutboxPool, OutboxTable, migrate_table},
};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    mariadb::MariaDatabase,
    servers, topics, wait,
};
use sqlx::{Database, Pool, Sqlite, sqlite::SqliteConnectOptions, sqlite::SqlitePoolOptions};

use crate::support::{
    events::{histories, numbered},
    service::{RunningRelay, config},
};

/// A migrated outbox in a database of the test's own, and the topics of its service.
struct Fixture<DB: Database> {
    pool: Pool<DB>,
    outbox: OutboxRepository,
    publisher: EventPublisher,
    reader: Reader,
    brokers: String,
    prefix: String,
    execute: Execute<DB>,
    _folder: Option<tempfile::TempDir>,
}

/// Executes a statement that every database knows.
type Execute<DB> = fn(Pool<DB>, &'static str) -> BoxFuture<'static, ()>;

macro_rules! execute {
    () => {
        |pool, sql| {
            Box::pin(async move {
                sqlx::query(sql).execute(&pool).await.expect("the statement is executed");
            })
        }
    };
}

impl<DB> Fixture<DB>
where
    DB: Database<Connection: OutboxTransaction>,
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    async fn new(pool: Pool<DB>, brokers: String, execute: Execute<DB>) -> Self {
        marty_events::outbox::migrate(&pool).await.expect("the tables");
        marty_events::outbox::migrate(&pool).await.expect("the same tables");
        let prefix = prefix();
        Self {
            outbox: OutboxRepository::new(&pool),
            publisher: EventPublisher::new(&config(&brokers, &prefix)).expect("a publisher"),
            reader: Reader::start(&brokers, &prefix),
            pool,
            brokers,
            prefix,
            execute,
            _folder: None,
        }
    }

    fn relay(&self) -> RunningRelay {
        let relay = OutboxRelay::builder(&self.pool).config(config(&self.brokers, &self.prefix));
        let relay = relay
            .lease_time(wait::patient(Duration::from_secs(1)))
            .max_attempts(2)
            .retry_delay(Duration::from_millis(20));
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

    /// A transaction that stays open holds up nobody; its events come when it commits, before the later ones of their keys.
    async fn delivers_what_commits_late_before_what_follows_it(self) {
        let relay = self.relay();
        let mut late = self.pool.begin().await.expect("a transaction");
        self.publisher.publish_in(&mut late, numbered("late", 0)).await.expect("it is written");
        let mut rolled_back = self.pool.begin().await.expect("a transaction");
        self.publisher.publish_in(&mut rolled_back, numbered("undone", 0)).await.expect("it is written");
        // Longer than a relay is patient with the missing numbers of rows that were never there.
        let (begin, mut written) = (Instant::now(), 0);
        while begin.elapsed() < Duration::from_secs(5) {
            self.write([numbered("early", written)]).await;
            written += 1;
            self.reader.events(written).await;
        }
        rolled_back.rollback().await.expect("the rollback");
        self.publisher.publish_in(&mut late, numbered("late", 1)).await.expect("it is written");
        late.commit().await.expect("the commit");
        self.write([numbered("late", 2)]).await;
        let histories = histories(&self.reader.events(written + 3).await);
        assert_eq!(histories["late"], [0, 1, 2]);
        assert_eq!(histories.len(), 2, "{:?}", histories.keys());
        self.until_empty().await;
        relay.stop().await;
    }

    /// A transaction that takes the lock of the commits' order is followed by the next one only after its commit.
    async fn keeps_the_order_of_the_commits(self) {
        let relay = self.relay();
        let commits = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..6)
            .map(|writer| {
                let (pool, publisher, commits) = (self.pool.clone(), self.publisher.clone(), commits.clone());
                tokio::spawn(async move {
                    let mut places = Vec::new();
                    for round in 0..20 {
                        let number = 100 * writer + round;
                        let mut transaction = pool.begin().await.expect("a transaction");
                        let event = numbered("shared", number).ordering(EventOrdering::Commit);
                        publisher.publish_in(&mut transaction, event).await.expect("it is written");
                        tokio::task::yield_now().await;
                        places.push((commits.fetch_add(1, Ordering::SeqCst), number));
                        transaction.commit().await.expect("the commit");
                    }
                    places
                })
            })
            .collect();
        let mut places = Vec::new();
        for writer in writers {
            places.extend(writer.await.expect("a writer"));
        }
        places.sort_unstable();
        let expected: Vec<i64> = places.iter().map(|(_, number)| i64::try_from(*number).expect("a number")).collect();
        assert_eq!(histories(&self.reader.events(120).await)["shared"], expected);
        relay.stop().await;
    }

    /// However little room a relay has, large events and small ones come, and in their order.
    async fn delivers_in_order_with_little_room(self) {
        const ROUNDS: usize = 8;
        for round in 0..ROUNDS {
            self.write((0..12).map(|key| {
                let data = serde_json::json!({"number": round, "padding": "x".repeat(key * 1_000)});
                DomainEvent::new("account", format!("k-{key}"), "moved").data(&data)
            }))
            .await;
        }
        let relay = OutboxRelay::builder(&self.pool).config(config(&self.brokers, &self.prefix));
        // Less than the largest one has.
        let relay =
            RunningRelay::start(relay.lease_time(wait::patient(Duration::from_secs(1))).in_flight_bytes(10_000));
        let histories = histories(&self.reader.events(12 * ROUNDS).await);
        for (key, history) in histories {
            assert_eq!(history, (0..).take(ROUNDS).collect::<Vec<i64>>(), "{key}");
        }
        self.until_empty().await;
        relay.stop().await;
    }

    /// A poison event dies alone, and can be brought back, emptied and deleted.
    async fn keeps_and_repairs_dead_letters(self) {
        let topic = format!("{}.suite.account.moved", self.prefix);
        topics::create(&self.brokers, &topic, 2_000).await;
        let poison = |key: &str| DomainEvent::new("account", key, "moved").data(&"x".repeat(5_000));
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
        let first = self.outbox.dead_letter(ids[0]).await.expect("a look").expect("it is there");
        assert!(dead.contains(&first) && first.event.event_id == ids[0], "{first:?}");
        assert_eq!(self.outbox.dead_letter(uuid::Uuid::nil()).await.expect("a look"), None);
        let (mut paged, mut query) = (Vec::new(), DeadLetterQuery::from(1));
        while let [next] = self.outbox.dead_letters(query.clone()).await.expect("a page").as_slice() {
            query = query.after(next.place());
            paged.push(next.clone());
        }
        assert_eq!(paged, dead, "page by page, each once");
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

    /// Errors that name the remedy, and many events at once.
    async fn says_what_is_missing_and_takes_many(self) {
        let mut connection = self.pool.acquire().await.expect("a connection");
        let error = self.publisher.publish_in(&mut *connection, numbered("k", 0)).await.expect_err("no transaction");
        assert!(matches!(error, EventError::NotInTransaction), "{error:?}");
        drop(connection);

        self.write((0..10_000).map(|number| numbered(&format!("k-{number}"), number))).await;
        assert_eq!(self.outbox.stats().await.expect("the counts").pending, 10_000);
        self.outbox.validate().await.expect("the tables are there");

        let elsewhere: OutboxTable = "elsewhere".parse().expect("a name");
        let other = OutboxRepository::new(&self.pool).table(elsewhere.clone());
        let error = other.validate().await.expect_err("no such tables");
        assert!(matches!(error, EventError::OutboxTableMissing { .. }), "{error:?}");
        migrate_table(&self.pool, &elsewhere).await.expect("the tables");
        other.validate().await.expect("now they are");
    }
}

async fn sqlite(test: &str) -> Option<Fixture<Sqlite>> {
    let brokers = servers::kafka(test)?;
    let folder = tempfile::tempdir().expect("a folder");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("outbox.db"))
        .create_if_missing(true)
        // The lock is not fair, and a writer waits for many others on a slow disk.
        .busy_timeout(wait::patient(wait::DEADLINE))
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.expect("a database");
    let fixture = Fixture::new(pool, brokers, execute!()).await;
    Some(Fixture { _folder: Some(folder), ..fixture })
}

async fn postgres(test: &str) -> Option<Fixture<sqlx::Postgres>> {
    let brokers = servers::kafka(test)?;
    let database = TestDatabase::create(test).await?;
    Some(Fixture::new(database.pool, brokers, execute!()).await)
}

async fn mariadb(test: &str) -> Option<Fixture<sqlx::MySql>> {
    let brokers = servers::kafka(test)?;
    let database = MariaDatabase::create(test).await?;
    Some(Fixture::new(database.pool, brokers, execute!()).await)
}

/// One test for every promise and database.
/// The promises of every database, and those that one has besides, as tests in a module of its own.
macro_rules! promises {
    ($database:ident in $module:ident: $($besides:ident)*) => {
        promises! {
            @tests $database $module
            delivers_what_was_committed_in_order
            keeps_the_order_of_the_commits
            settles_nothing_under_an_old_term
            judges_nothing_under_an_old_term
            names_its_relays
            delivers_in_order_with_little_room
            keeps_and_repairs_dead_letters
            finds_dead_letters_in_pages
            finds_events_and_the_keys_that_wait
            groups_dead_letters
            lists_dead_letters_that_cannot_be_read
            shows_what_waits_and_forgets_in_steps
            says_what_is_missing_and_takes_many
            $($besides)*
        }
    };
    (@tests $database:ident $module:ident $($promise:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let test = concat!(stringify!($module), "::", stringify!($promise));
                if let Some(fixture) = super::$database(test).await {
                    fixture.$promise().await;
                }
            })*
        }
    };
}

promises! { postgres in on_postgres: delivers_what_commits_late_before_what_follows_it }
promises! { mariadb in on_mariadb: delivers_what_commits_late_before_what_follows_it }
// SQLite lets one transaction write at a time, so none can commit late.
promises! { sqlite in on_sqlite: }
