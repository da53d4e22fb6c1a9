//! A database of a test's own with the inbox's tables, and a table of effects.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use marty_events::{
    inbox::{Claim, Delivery, Due, Failure, Fate, Identity, Inbox, InboxDatabase, InboxRepository, InboxTable, Parked},
    outbox::OutboxPool,
};
use marty_events_tests::{database::TestDatabase, mariadb::MariaDatabase, wait};
use sqlx::{
    Pool, Sqlite, Transaction,
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

pub(crate) const TOPIC: &str = "marty.suite.account.moved";
/// A statement that waits for nobody takes less.
pub(crate) const LOOK: Duration = Duration::from_secs(10);

/// Executes statements that every database knows.
type Execute<DB> =
    for<'c> fn(&'c mut <DB as sqlx::Database>::Connection, String) -> BoxFuture<'c, Result<(), sqlx::Error>>;

/// Asks for a number, and prepares nothing.
type Number<DB> = for<'c> fn(&'c mut <DB as sqlx::Database>::Connection, &'static str) -> BoxFuture<'c, i64>;

/// The statements that a test runs besides, whatever the database.
#[derive(Debug)]
pub(crate) struct Statements<DB: InboxDatabase> {
    pub(crate) execute: Execute<DB>,
    pub(crate) numbers: fn(Pool<DB>, String) -> BoxFuture<'static, Vec<i64>>,
    pub(crate) number: Number<DB>,
}

impl<DB: InboxDatabase> Clone for Statements<DB> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<DB: InboxDatabase> Copy for Statements<DB> {}

macro_rules! statements {
    () => {
        Statements {
            execute: |connection, sql| {
                Box::pin(async move { sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(drop) })
            },
            numbers: |pool, sql| {
                Box::pin(async move {
                    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&pool).await.expect("the numbers")
                })
            },
            number: |connection, sql| {
                Box::pin(async move {
                    sqlx::query_scalar(sql).persistent(false).fetch_one(connection).await.expect("a number")
                })
            },
        }
    };
}

pub(crate) struct Fixture<DB: InboxDatabase> {
    pub(crate) pool: Pool<DB>,
    pub(crate) repository: InboxRepository,
    pub(crate) statements: Statements<DB>,
    /// The database lets one transaction write at a time, so that none can wait for another one's rows.
    pub(crate) has_one_writer: bool,
    _folder: Option<tempfile::TempDir>,
}

impl<DB: InboxDatabase> Fixture<DB>
where
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    async fn new(pool: Pool<DB>, statements: Statements<DB>) -> Self {
        marty_events::inbox::migrate(&pool).await.expect("the tables");
        marty_events::inbox::migrate(&pool).await.expect("the same tables");
        let repository = InboxRepository::new(&pool);
        repository.validate().await.expect("tables that can serve");
        Self { pool, repository, statements, has_one_writer: false, _folder: None }
    }

    /// The same database by other connections, whose transactions have another level unless they ask for one.
    pub(crate) async fn with_another_default_level(&self) -> Self {
        if DB::NAME == "PostgreSQL" {
            let sql = "DO $$ BEGIN EXECUTE format(
                'ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database()); END $$";
            self.run(sql).await;
        }
        // MySQL's and MariaDB's default is another one from the beginning.
        self.with_connections(5).await
    }

    /// The same database by so many other connections.
    pub(crate) async fn with_connections(&self, count: u32) -> Self {
        let options = (*self.pool.connect_options()).clone();
        let pool = PoolOptions::new().max_connections(count).connect_with(options).await.expect("connections");
        let Self { repository, statements, has_one_writer, .. } = self;
        let (repository, has_one_writer) = (repository.clone(), *has_one_writer);
        Self { pool, repository, statements: *statements, has_one_writer, _folder: None }
    }

    pub(crate) fn inbox(&self, group: &str) -> DB::Inbox {
        DB::inbox(self.pool.clone(), InboxTable::default(), Arc::from(group))
    }

    /// Claims an event in a transaction of its own.
    pub(crate) async fn claimed(&self, inbox: &DB::Inbox, event: &(Delivery, Identity)) -> Claim {
        let mut transaction = inbox.begin().await.expect("a transaction");
        let claim = inbox.claim(&mut transaction, &event.0, &event.1).await.expect("an answer");
        transaction.commit().await.expect("the commit");
        claim
    }

    /// Claims and parks an event in a transaction of its own.
    pub(crate) async fn parked(&self, inbox: &DB::Inbox, event: &(Delivery, Identity), failure: Option<&Failure>) {
        let mut transaction = inbox.begin().await.expect("a transaction");
        let claim = inbox.claim(&mut transaction, &event.0, &event.1).await.expect("an answer");
        assert_ne!(claim, Claim::Duplicate, "{event:?}");
        inbox.park(&mut transaction, &event.0, &event.1, failure).await.expect("it is parked");
        transaction.commit().await.expect("the commit");
    }

    /// The event that is due, with the transaction that has its lock.
    pub(crate) async fn due(&self, inbox: &DB::Inbox) -> Option<(Transaction<'static, DB>, Parked)> {
        let mut transaction = inbox.begin().await.expect("a transaction");
        let next = inbox.next_due(&mut transaction);
        match wait::answer(LOOK, "an event that is due, or none", next).await.expect("an answer") {
            Due::Now(parked) => Some((transaction, *parked)),
            Due::After(_) => None,
        }
    }

    /// Handles the event that is due, and answers its id.
    pub(crate) async fn handled(&self, inbox: &DB::Inbox) -> Option<String> {
        let (mut transaction, parked) = self.due(inbox).await?;
        inbox.unpark(&mut transaction, parked.id).await.expect("it leaves");
        transaction.commit().await.expect("the commit");
        Some(parked.identity.event_id)
    }

    pub(crate) async fn run(&self, sql: &str) {
        let mut connection = self.pool.acquire().await.expect("a connection");
        (self.statements.execute)(&mut connection, sql.to_owned()).await.expect(sql);
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        (self.statements.numbers)(self.pool.clone(), sql.to_owned()).await[0]
    }
}

/// The event `number` of a key, with that offset.
pub(crate) fn event(key: &str, number: i64) -> (Delivery, Identity) {
    let delivery = Delivery {
        topic: TOPIC.into(),
        offset: number,
        key: Some(key.as_bytes().to_vec()),
        value: Some(b"{}".to_vec()),
        ..Delivery::default()
    };
    let identity = Identity { event_id: format!("{key}-{number}"), key: key.as_bytes().to_vec() };
    (delivery, identity)
}

/// A failure after so many calls.
pub(crate) fn failure(attempts: u32, fate: Fate) -> Failure {
    Failure { attempts, reason: format!("the reason {attempts}"), fate }
}

/// A failed call that is tried again at once.
pub(crate) fn again() -> Failure {
    failure(1, Fate::Retry(Duration::ZERO))
}

pub(crate) async fn postgres(test: &str) -> Option<Fixture<sqlx::Postgres>> {
    let database = TestDatabase::create(test).await?;
    Some(Fixture::new(database.pool, statements!()).await)
}

pub(crate) async fn mariadb(test: &str) -> Option<Fixture<sqlx::MySql>> {
    let database = MariaDatabase::create(test).await?;
    Some(Fixture::new(database.pool, statements!()).await)
}

pub(crate) async fn sqlite(_: &str) -> Option<Fixture<Sqlite>> {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("inbox.db"))
        .create_if_missing(true)
        .busy_timeout(wait::patient(wait::DEADLINE))
        .journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(10).connect_with(options).await.expect("a database");
    let fixture = Fixture::new(pool, statements!()).await;
    Some(Fixture { has_one_writer: true, _folder: Some(folder), ..fixture })
}
