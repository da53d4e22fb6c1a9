//! The whole route in one process and without a server: annotated methods, a transaction, the outbox (SQLite), the relay, a broker
//! (librdkafka's in-process one) and a consumer that prints the events.

mod consumer;
mod service;

use std::time::Duration;

use console::style;
use marty_events::{CancellationToken, EventConfig, OutboxRelay, OutboxRepository};
use service::{AppError, Service};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("quickstart.db"))
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().connect_with(options).await?;
    sqlx::query("CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL)").execute(&pool).await?;
    marty_events::outbox::migrate(&pool).await?;

    // The one line of start-up. A real service calls `marty_events::init()`, which reads the environment.
    let config = EventConfig::builder().service_name("quickstart").embedded().build()?;
    let events = marty_events::init_with(config.clone()).await?;
    let bootstrap = events.publisher().bootstrap_servers().to_owned();
    println!("An in-process Kafka broker listens on {bootstrap}.\n");

    let stop = CancellationToken::new();
    let relay = tokio::spawn(OutboxRelay::builder(&pool).config(config).build()?.run(stop.clone()));

    let service = Service { pool: pool.clone() };
    // A pipe gets plain text, and so does a terminal with NO_COLOR.
    let title = |text| style(text).bold();
    println!("{} ada is created, with an audit and a domain event.", title("1. A transaction that commits:"));
    let ada = service.sign_up("ada", "ada@example.com").await?;
    println!(
        "{} bob's e-mail address is refused, so there is no event of him.",
        title("2. A transaction that rolls back:")
    );
    match service.sign_up("bob", "nowhere").await {
        Err(AppError::Refused(reason)) => println!("   {} {reason}", style("refused:").red()),
        other => return Err(format!("expected a refusal, got {other:?}").into()),
    }
    println!("{} an audit event that goes to the broker directly.\n", title("3. No transaction:"));
    service.export(&ada).await?;

    println!("{}\n", title("What a consumer reads from the broker:"));
    let printed = consumer::print(&bootstrap, 3, Duration::from_secs(30)).await?;

    stop.cancel();
    relay.await??;
    // A relay counts with its heartbeats, and once more when it stops.
    let stats = OutboxRepository::new(&pool).stats().await?;
    let summary = format!("{printed} events were read, {} of them by way of the outbox; none of bob.", stats.published);
    println!("{}", style(summary).green().bold());
    events.shutdown().await?;
    println!(
        "\nTry next:\n  \
         - examples/quickstart/src/service.rs: the annotated methods. Misspell a field of the event and compile.\n  \
         - cargo run -p user-service: the same over HTTP, on PostgreSQL and Apache Kafka (see its README).\n  \
         - scripts/test: everything this project promises, shown on real servers."
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn events_stay_compatible() {
        marty_events::catalogue::assert_compatible("events.json");
    }
}
