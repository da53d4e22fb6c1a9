//! Events without attributes: built and published by hand, in a transaction or directly, all in one context.

use examples_common::{Consumer, Database, Received};
use marty_events::{
    AuditEvent, AuditEventType, CancellationToken, CustomEvent, DomainEvent, EventConfig, EventContext, EventError,
    EventPriority, NotificationEvent, NotificationEventType, OutboxRelay, RiskLevel,
};
use serde::Serialize;
use sqlx::SqlitePool;

type Error = Box<dyn std::error::Error>;

#[derive(Serialize)]
struct Entry {
    cents: i64,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let database = Database::create().await?;
    marty_events::outbox::migrate(&database.pool).await?;
    let config = EventConfig::builder().service_name("billing").embedded().build()?;
    let events = marty_events::init_with(config.clone()).await?;
    let stop = CancellationToken::new();
    let relay = tokio::spawn(OutboxRelay::builder(&database.pool).config(config).build()?.run(stop.clone()));

    // Every event published inside carries it, whichever way it goes.
    EventContext::new().correlation_id("order-77").user_id("alice").scope(book(&database.pool)).await?;

    let topics = [
        "marty.billing.account.account_debited",
        "marty.audit.events",
        "marty.notification.events",
        "marty.billing.ledger",
    ];
    let mut consumer = Consumer::of(events.publisher().bootstrap_servers(), &topics)?;
    let mut read = consumer.next(5).await?;
    read.sort_by_key(Received::id);
    for event in read {
        println!("{} on {}, key {}", event.event_type(), event.topic, event.key);
        println!("  for {} by {}", event.metadata("correlation_id"), event.metadata("user_id"));
    }

    stop.cancel();
    relay.await??;
    events.shutdown().await?;
    Ok(())
}

async fn book(pool: &SqlitePool) -> Result<(), Error> {
    let publisher = marty_events::publisher()?;

    // In a transaction: they exist if, and only if, it commits.
    let mut tx = pool.begin().await?;
    publisher
        .publish_in(&mut tx, DomainEvent::new("account", "acct-9", "account_debited").data(&Entry { cents: 1250 })?)
        .await?;
    // Several in one round trip.
    let entries = [1250, -1250]
        .map(|cents| CustomEvent::new("billing.ledger", "entry_posted").key("acct-9").data(&Entry { cents }));
    publisher.publish_all_in(&mut tx, entries.into_iter().collect::<Result<Vec<_>, EventError>>()?).await?;
    tx.commit().await?;

    // Outside any transaction: answered when the broker has it.
    let audit = AuditEvent::new(AuditEventType::DataExported, "export_statement", "account")
        .resource_id("acct-9")
        .compliance_tags(["sox"])
        .risk_level(RiskLevel::Medium);
    publisher.publish(audit).await?;
    let notification =
        NotificationEvent::new(NotificationEventType::Custom("statement.ready".into()), "user", ["alice"])
            .subject("Your statement is ready")
            .message("Fetch it within seven days.")
            .action("https://bank.example/statements", "Fetch it")
            .priority(EventPriority::Low);
    publisher.publish(notification).await?;

    // A fault of an event is reported before anything is sent.
    match publisher.publish(DomainEvent::new("account", "", "account_closed")).await {
        Err(error) => println!("refused: {error}"),
        Ok(id) => println!("published as {id}"),
    }
    Ok(())
}
