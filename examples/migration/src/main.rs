//! A service that publishes by hand, and the same service after the move. Both run, and their consumer cannot tell them apart.

mod after;
mod before;

use examples_common::{Consumer, Database, Received};
use marty_events::{CancellationToken, EventConfig, OutboxRelay};
use sqlx::SqlitePool;

type Error = Box<dyn std::error::Error>;

const TOPICS: [&str; 2] = ["marty.certificates.certificate.certificate_issued", "marty.audit.events"];

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = EventConfig::builder().service_name("certificates").embedded().build()?;
    let events = marty_events::init_with(config.clone()).await?;
    let bootstrap = events.publisher().bootstrap_servers().to_owned();
    let mut consumer = Consumer::of(&bootstrap, &TOPICS)?;

    println!("By hand (src/before.rs):");
    let database = database().await?;
    let service = before::Certificates::new(database.pool.clone(), &bootstrap).await?;
    service.issue("01", "ada").await?;
    println!("a second certificate 01 is refused: {}", service.issue("01", "eve").await.is_err());
    // The last thing that the old code does: nothing may be left in its table when the new version starts.
    while 0 < service.publish_pending().await? {}
    let by_hand = next(&mut consumer).await?;
    show(&by_hand);

    println!("With attributes (src/after.rs):");
    let database = self::database().await?;
    marty_events::outbox::migrate(&database.pool).await?;
    let stop = CancellationToken::new();
    let relay = tokio::spawn(OutboxRelay::builder(&database.pool).config(config).build()?.run(stop.clone()));
    let service = after::Certificates { pool: database.pool.clone() };
    service.issue("01", "ada").await?;
    println!("a second certificate 01 is refused: {}", service.issue("01", "eve").await.is_err());
    let with_attributes = next(&mut consumer).await?;
    show(&with_attributes);

    let same = by_hand.iter().zip(&with_attributes).all(|(one, other)| what(one) == what(other));
    println!("The topics, keys, types and payloads are the same: {same}");
    stop.cancel();
    relay.await??;
    events.shutdown().await?;
    Ok(())
}

async fn database() -> Result<Database, Error> {
    let database = Database::create().await?;
    create_table(&database.pool).await?;
    Ok(database)
}

async fn create_table(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    sqlx::query("CREATE TABLE certificates (serial TEXT PRIMARY KEY, subject TEXT NOT NULL)")
        .execute(pool)
        .await
        .map(drop)
}

/// Two events from any topics, in the order in which they were recorded.
async fn next(consumer: &mut Consumer) -> Result<Vec<Received>, Error> {
    let mut events = consumer.next(2).await?;
    events.sort_by_key(Received::id);
    Ok(events)
}

fn show(events: &[Received]) {
    for event in events {
        let payload = event.payload();
        let detail = payload.get("event_data").or(payload.get("compliance_tags"));
        println!("  {} on {}, key {}", event.event_type(), event.topic, event.key);
        println!("    {}", detail.map(ToString::to_string).unwrap_or_default());
    }
}

fn what(event: &Received) -> (&str, &str, &str, &serde_json::Value) {
    (&event.topic, &event.key, event.event_type(), event.payload())
}

#[cfg(test)]
mod tests {
    #[test]
    fn events_stay_compatible() {
        marty_events::catalogue::assert_compatible("events.json");
    }
}
