//! SQLite's own part of the promises that every database keeps.

use std::time::Duration;

use marty_events::{EventError, EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{
    kafka::{Reader, prefix},
    servers, wait,
};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

use crate::support::{
    events::numbered,
    service::{RunningRelay, config},
};

const WRITERS: usize = 3;
const TRANSACTIONS: usize = 100;

async fn database() -> (tempfile::TempDir, SqlitePool) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("outbox.db"))
        .create_if_missing(true)
        // The lock is not fair, and a writer waits for many others on a slow disk.
        .busy_timeout(wait::patient(wait::DEADLINE))
        .journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(6).connect_with(options).await.expect("a database");
    marty_events::outbox::migrate(&pool).await.expect("the tables");
    sqlx::raw_sql(
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER); INSERT INTO accounts VALUES (1, 0)",
    )
    .execute(&pool)
    .await
    .expect("a table");
    (folder, pool)
}

/// A transaction that reads before it writes, begun by `begin`.
async fn transfer(
    pool: &SqlitePool,
    publisher: &EventPublisher,
    begin: &'static str,
    key: &str,
) -> Result<(), EventError> {
    let failed = |source: sqlx::Error| EventError::Outbox { operation: "transfer", source: source.into() };
    let mut transaction = pool.begin_with(begin).await.map_err(failed)?;
    let balance: i64 =
        sqlx::query_scalar("SELECT balance FROM accounts").fetch_one(&mut *transaction).await.map_err(failed)?;
    // As long as a service takes to decide.
    tokio::time::sleep(Duration::from_millis(2)).await;
    publisher.publish_in(&mut transaction, numbered(key, usize::try_from(balance).expect("a count"))).await?;
    sqlx::query("UPDATE accounts SET balance = ?")
        .bind(balance + 1)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

/// The number of transactions that failed.
async fn all_transfer(pool: &SqlitePool, publisher: &EventPublisher, writers: usize, begin: &'static str) -> usize {
    let writers: Vec<_> = (0..writers)
        .map(|writer| {
            let (pool, publisher) = (pool.clone(), publisher.clone());
            tokio::spawn(async move {
                let mut failed = 0;
                for _ in 0..TRANSACTIONS {
                    failed += usize::from(transfer(&pool, &publisher, begin, &format!("k-{writer}")).await.is_err());
                }
                failed
            })
        })
        .collect();
    let mut failed = 0;
    for writer in writers {
        failed += writer.await.expect("a writer");
    }
    failed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_read_before_they_write_wait_for_a_relay_where_they_begin_immediate() {
    let test = "transactions_that_read_before_they_write_wait_for_a_relay_where_they_begin_immediate";
    let Some(brokers) = servers::kafka(test) else { return };
    let (_folder, pool) = database().await;
    let prefix = prefix();
    let config = config(&brokers, &prefix);
    let publisher = EventPublisher::new(&config).unwrap();
    let reader = Reader::start(&brokers, &prefix);
    let relay = RunningRelay::start(
        OutboxRelay::builder(&pool).config(config).lease_time(wait::patient(Duration::from_secs(1))),
    );
    assert_eq!(all_transfer(&pool, &publisher, WRITERS, "BEGIN IMMEDIATE").await, 0);
    let balance: i64 = sqlx::query_scalar("SELECT balance FROM accounts").fetch_one(&pool).await.unwrap();
    assert_eq!(usize::try_from(balance), Ok(WRITERS * TRANSACTIONS), "each saw what the one before it wrote");
    reader.events(WRITERS * TRANSACTIONS).await;
    // One writer at a time meets nobody but the relay.
    let failed = all_transfer(&pool, &publisher, 1, "BEGIN").await;
    println!("{failed} of {TRANSACTIONS} deferred transactions failed beside a relay");
    let outbox = OutboxRepository::new(&pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_written_after_a_read_says_how_to_begin() {
    let (_folder, pool) = database().await;
    let publisher = EventPublisher::new(&config("127.0.0.1:1", &prefix())).expect("a publisher");
    let read = "SELECT balance FROM accounts";
    let mut stale = pool.begin().await.unwrap();
    sqlx::query(read).fetch_one(&mut *stale).await.unwrap();
    let mut other = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    publisher.publish_in(&mut other, numbered("k", 0)).await.unwrap();
    other.commit().await.unwrap();
    let error = publisher.publish_in(&mut stale, numbered("k", 1)).await.unwrap_err();
    assert!(matches!(error, EventError::WriteConflict { .. }) && error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("BEGIN IMMEDIATE"), "{error}");
    stale.rollback().await.unwrap();

    // Done again, it comes through.
    let mut again = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query(read).fetch_one(&mut *again).await.unwrap();
    publisher.publish_in(&mut again, numbered("k", 1)).await.unwrap();
    again.commit().await.unwrap();
    assert_eq!(OutboxRepository::new(&pool).stats().await.unwrap().pending, 2);
}
