//! Both services in one process and without a server: the authority's outbox and relay, an in-process broker, and the list's consumer.

use std::time::Duration;

use marty_events::{CancellationToken, EventConfig, EventConsumer, OutboxRelay};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use status_list::{StatusList, authority};

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let authority_pool = database(&folder.path().join("authority.db")).await?;
    let list_pool = database(&folder.path().join("list.db")).await?;
    authority::create_table(&authority_pool).await?;
    marty_events::outbox::migrate(&authority_pool).await?;
    StatusList::create_table(&list_pool).await?;
    // The list publishes events of its own, so it has an outbox too.
    marty_events::outbox::migrate(&list_pool).await?;
    marty_events::inbox::migrate(&list_pool).await?;

    let config = EventConfig::builder().service_name("authority").embedded().build()?;
    let events = marty_events::init_with(config.clone()).await?;
    let brokers = events.publisher().bootstrap_servers().to_owned();
    let stop = CancellationToken::new();
    let relay = tokio::spawn(OutboxRelay::builder(&authority_pool).config(config).build()?.run(stop.clone()));

    println!("The authority revokes three certificates, one of them in a transaction that is rolled back.");
    for (serial, reason, commits) in [(7, "superseded", true), (8, "a mistake", false), (9, "key lost", true)] {
        let mut tx = authority_pool.begin_with("BEGIN IMMEDIATE").await?;
        authority::revoke(&mut tx, serial, reason).await?;
        if commits { tx.commit().await? } else { tx.rollback().await? }
    }

    println!("The status list handles the events that are published:\n");
    let config = EventConfig::builder().service_name("status-list").brokers(brokers).build()?;
    handle(&list_pool, &config, "status-list", 2).await?;
    for (serial, reason) in StatusList::entries(&list_pool).await? {
        println!("  {serial} revoked: {reason}");
    }

    stop.cancel();
    relay.await??;
    events.shutdown().await?;
    println!("\nTry next: examples/status-list/src/list.rs. Take the transaction out of the handler and compile.");
    Ok(())
}

/// Runs the consumer until the list has so many entries.
async fn handle(pool: &SqlitePool, config: &EventConfig, group: &str, entries: usize) -> Result<(), Error> {
    let stop = CancellationToken::new();
    let consumer = EventConsumer::builder(pool).config(config.clone()).group(group).handlers(StatusList).build()?;
    let running = tokio::spawn(consumer.run(stop.clone()));
    let full = async {
        while StatusList::entries(pool).await?.len() < entries {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, Error>(())
    };
    tokio::time::timeout(Duration::from_mins(1), full).await??;
    stop.cancel();
    running.await??;
    Ok(())
}

async fn database(path: &std::path::Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    SqlitePoolOptions::new().connect_with(options).await
}
