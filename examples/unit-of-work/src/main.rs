//! Events in a transaction wrapper of the service's own.

mod orders;
mod unit;

use examples_common::{Consumer, Database, Received};
use marty_events::{CancellationToken, EventConfig, OutboxRelay};
use orders::Orders;
use unit::UnitOfWork;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database = Database::create().await?;
    let pool = &database.pool;
    sqlx::query(
        "CREATE TABLE orders (id TEXT PRIMARY KEY, cents INTEGER NOT NULL, paid BOOLEAN NOT NULL DEFAULT false)",
    )
    .execute(pool)
    .await?;
    marty_events::outbox::migrate(pool).await?;
    let config = EventConfig::builder().service_name("shop").embedded().build()?;
    let events = marty_events::init_with(config.clone()).await?;

    let mut unit = UnitOfWork::begin(pool).await?;
    orders::place(&mut unit, "order-1", 1250).await?;
    let mut repository = Orders { uow: unit };
    repository.pay("order-1").await?;
    repository.uow.commit().await?;
    println!("order-1 was placed and paid in one unit of work");

    let mut unit = UnitOfWork::begin(pool).await?;
    orders::place(&mut unit, "order-2", 300).await?;
    drop(unit);
    println!("order-2 was placed in one that was dropped, and so rolled back");

    let mut repository = Orders { uow: UnitOfWork::begin(pool).await? };
    if let Err(error) = repository.pay("order-3").await {
        println!("order-3 was not paid: {error}");
    }
    drop(repository);

    let stop = CancellationToken::new();
    let relay = tokio::spawn(OutboxRelay::builder(pool).config(config).build()?.run(stop.clone()));
    let topics = ["marty.shop.order.order_placed", "marty.shop.order.order_paid"];
    let mut consumer = Consumer::of(events.publisher().bootstrap_servers(), &topics)?;
    let mut read = consumer.next(2).await?;
    read.sort_by_key(Received::id);
    for event in read {
        println!("event: {} of {}", event.event_type(), event.key);
    }
    // Nothing is in flight any more when the relay has stopped: a further event would be a third one.
    stop.cancel();
    relay.await??;
    let stats = marty_events::OutboxRepository::new(pool).stats().await?;
    println!("{} events were delivered, {} wait", stats.published, stats.pending);
    events.shutdown().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn events_stay_compatible() {
        marty_events::catalogue::assert_compatible("events.json");
    }
}
