//! A database of a test's own with the inbox's tables and the table of effects, whichever database it is.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use marty_events::{
    __private::handler::{HandlerFailure, Unit},
    inbox::InboxDatabase,
    outbox::OutboxPool,
};
use sqlx::{
    AssertSqlSafe, Database, MySql, MySqlPool, PgPool, Pool, Postgres, Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tempfile::TempDir;

use super::Entry;
use crate::{database::TestDatabase, mariadb::MariaDatabase};

/// A database that the tests of handlers run on.
pub trait EffectsDatabase: InboxDatabase {
    /// Makes the table of effects. The numbers of `place` are in the order of the inserts.
    const TABLE: &str;

    /// An error that a handler may pass over, and that leaves nothing of its transaction.
    const UNDO: &str;

    /// A database of the test's own; nothing, after reporting `test` as skipped, where the server is missing.
    fn create(test: &str) -> BoxFuture<'_, Option<EffectsStore<Self>>>;

    /// Connections to the database of a URL.
    fn connect(url: &str) -> BoxFuture<'_, Pool<Self>>;

    /// The same pool for the inbox's functions.
    fn inbox_pool(pool: &Pool<Self>) -> OutboxPool;

    /// The transaction of a call.
    fn transaction(unit: &mut Unit<Self>) -> Result<&mut Transaction<'static, Self>, HandlerFailure>;

    /// Writes the effect of an event.
    fn write<'c>(
        connection: &'c mut <Self as Database>::Connection,
        entry: &'c Entry,
        process: &'c str,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>>;

    /// Executes a statement.
    fn execute(connection: &mut <Self as Database>::Connection, sql: String) -> BoxFuture<'_, Result<(), sqlx::Error>>;

    /// The rows of a text and a number that a statement answers.
    fn rows(pool: &Pool<Self>, sql: String) -> BoxFuture<'_, Result<Vec<(String, i64)>, sqlx::Error>>;

    /// Gets in the way of about half of the transactions: their connections are cut, or nobody can write for a time.
    fn disturb(pool: &Pool<Self>, time: Duration) -> BoxFuture<'_, ()>;

    /// The statement that puts the time of all rows of the inbox back.
    fn aged(days: u32) -> String;
}

/// A database of a test's own.
pub struct EffectsStore<DB: EffectsDatabase> {
    /// Connections to it.
    pub pool: Pool<DB>,
    /// Its URL.
    pub url: String,
    /// The folder of its file. It is removed with the store.
    _folder: Option<Arc<TempDir>>,
}

impl<DB: EffectsDatabase> fmt::Debug for EffectsStore<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EffectsStore").field("url", &self.url).finish_non_exhaustive()
    }
}

impl<DB: EffectsDatabase> EffectsStore<DB> {
    /// Makes the inbox's tables and the table of effects.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn make_tables(&self) {
        marty_events::inbox::migrate(DB::inbox_pool(&self.pool)).await.expect("the inbox's tables");
        self.run(DB::TABLE).await;
    }

    /// Executes a statement.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn run(&self, sql: &str) {
        let mut connection = self.pool.acquire().await.expect("a connection");
        DB::execute(&mut connection, sql.to_owned()).await.expect(sql);
    }

    /// The number that a statement answers.
    ///
    /// # Errors
    ///
    /// When the server refuses, or has no answer.
    pub async fn number(&self, sql: &str) -> Result<i64, sqlx::Error> {
        let rows = DB::rows(&self.pool, format!("SELECT '', ({sql})")).await?;
        rows.first().map(|(_, number)| *number).ok_or(sqlx::Error::RowNotFound)
    }
}

impl From<TestDatabase> for EffectsStore<Postgres> {
    fn from(TestDatabase { pool, url, .. }: TestDatabase) -> Self {
        Self { pool, url, _folder: None }
    }
}

/// The functions that are the same text on every database.
macro_rules! same_text {
    ($insert:literal) => {
        fn inbox_pool(pool: &Pool<Self>) -> OutboxPool {
            pool.into()
        }

        fn transaction(unit: &mut Unit<Self>) -> Result<&mut Transaction<'static, Self>, HandlerFailure> {
            unit.handle()
        }

        fn write<'c>(
            connection: &'c mut <Self as Database>::Connection,
            entry: &'c Entry,
            process: &'c str,
        ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
            let insert = sqlx::query($insert).bind(&entry.key).bind(entry.number).bind(process);
            Box::pin(async move { insert.execute(connection).await.map(drop) })
        }

        fn execute(
            connection: &mut <Self as Database>::Connection,
            sql: String,
        ) -> BoxFuture<'_, Result<(), sqlx::Error>> {
            Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop) })
        }

        fn rows(pool: &Pool<Self>, sql: String) -> BoxFuture<'_, Result<Vec<(String, i64)>, sqlx::Error>> {
            Box::pin(async move { sqlx::query_as(AssertSqlSafe(sql)).fetch_all(pool).await })
        }
    };
}

impl EffectsDatabase for Postgres {
    const TABLE: &str =
        "CREATE TABLE effects (place bigint GENERATED ALWAYS AS IDENTITY, entry_key text NOT NULL, number bigint NOT NULL,
        process text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())";
    const UNDO: &str = "SELECT 1 / 0";

    same_text!("INSERT INTO effects (entry_key, number, process) VALUES ($1, $2, $3)");

    fn create(test: &str) -> BoxFuture<'_, Option<EffectsStore<Self>>> {
        Box::pin(async move { TestDatabase::create(test).await.map(Into::into) })
    }

    fn connect(url: &str) -> BoxFuture<'_, PgPool> {
        Box::pin(async move { PgPool::connect(url).await.expect("a connection") })
    }

    fn disturb(pool: &PgPool, _: Duration) -> BoxFuture<'_, ()> {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5";
        Box::pin(async move {
            sqlx::query(sql).execute(pool).await.expect("the server answers");
        })
    }

    fn aged(days: u32) -> String {
        format!("UPDATE event_inbox SET taken_at = taken_at - interval '{days} days'")
    }
}

impl EffectsDatabase for MySql {
    const TABLE: &str = "CREATE TABLE effects (place BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        entry_key VARCHAR(100) CHARACTER SET utf8mb4 NOT NULL, number BIGINT NOT NULL,
        process VARCHAR(100) CHARACTER SET utf8mb4 NOT NULL)";
    /// The server does the same to the victim of a deadlock.
    const UNDO: &str = "ROLLBACK";

    same_text!("INSERT INTO effects (entry_key, number, process) VALUES (?, ?, ?)");

    fn create(test: &str) -> BoxFuture<'_, Option<EffectsStore<Self>>> {
        Box::pin(async move {
            let MariaDatabase { pool, url } = MariaDatabase::create(test).await?;
            Some(EffectsStore { pool, url, _folder: None })
        })
    }

    fn connect(url: &str) -> BoxFuture<'_, MySqlPool> {
        Box::pin(async move { MySqlPool::connect(url).await.expect("a connection") })
    }

    fn disturb(pool: &MySqlPool, _: Duration) -> BoxFuture<'_, ()> {
        let sql = "SELECT '', CAST(id AS SIGNED) FROM information_schema.processlist
            WHERE db = database() AND id <> connection_id() AND rand() < 0.5";
        Box::pin(async move {
            for (_, id) in Self::rows(pool, sql.to_owned()).await.expect("the server answers") {
                // It may have gone by itself.
                let _ = sqlx::raw_sql(AssertSqlSafe(format!("KILL {id}"))).execute(pool).await;
            }
        })
    }

    fn aged(days: u32) -> String {
        format!("UPDATE event_inbox SET taken_at = taken_at - {days} * 86400000000")
    }
}

impl EffectsDatabase for Sqlite {
    const TABLE: &str = "CREATE TABLE effects (place INTEGER PRIMARY KEY AUTOINCREMENT, entry_key TEXT NOT NULL,
        number INTEGER NOT NULL, process TEXT NOT NULL)";
    const UNDO: &str = "INSERT OR ROLLBACK INTO effects SELECT * FROM effects";

    same_text!("INSERT INTO effects (entry_key, number, process) VALUES (?, ?, ?)");

    fn create(_: &str) -> BoxFuture<'_, Option<EffectsStore<Self>>> {
        Box::pin(async move {
            let folder = tempfile::tempdir().expect("a folder");
            let url = format!("sqlite://{}?mode=rwc", folder.path().join("effects.db").display());
            let pool = Self::connect(&url).await;
            Some(EffectsStore { pool, url, _folder: Some(Arc::new(folder)) })
        })
    }

    fn connect(url: &str) -> BoxFuture<'_, SqlitePool> {
        Box::pin(async move {
            let options = SqliteConnectOptions::from_str(url).expect("a URL of SQLite");
            let options = options.journal_mode(SqliteJournalMode::Wal).busy_timeout(Duration::from_secs(5));
            SqlitePoolOptions::new().max_connections(10).connect_with(options).await.expect("a connection")
        })
    }

    /// There is no connection to cut. Somebody keeps the lock for writing.
    fn disturb(pool: &SqlitePool, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Ok(transaction) = pool.begin_with("BEGIN IMMEDIATE").await else { return };
            tokio::time::sleep(time).await;
            transaction.rollback().await.expect("the rollback");
        })
    }

    fn aged(days: u32) -> String {
        format!("UPDATE event_inbox SET taken_at = taken_at - {days} * 86400000000")
    }
}
