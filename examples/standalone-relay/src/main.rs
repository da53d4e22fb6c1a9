//! A service that only writes, and relays in processes of their own: several share the work, and one that is killed is followed.

mod accounts;
mod relay;

use std::time::Duration;

use examples_common::{Consumer, Database};
use marty_events::{EventConfig, OutboxRepository};
use relay::Relay;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    if std::env::args().nth(1).as_deref() == Some("relay") {
        return relay::run().await;
    }
    let database = Database::create().await?;
    accounts::create_table(&database.pool).await?;
    marty_events::outbox::migrate(&database.pool).await?;
    let config = EventConfig::builder().service_name("bank").embedded().build()?;
    let events = marty_events::init_with(config).await?;
    let bootstrap = events.publisher().bootstrap_servers().to_owned();
    let mut consumer = Consumer::of(&bootstrap, &["marty.bank.account.account_booked"])?;
    let outbox = OutboxRepository::new(&database.pool);

    let mut first = Relay::start(&database.url(), &bootstrap)?;
    let second = Relay::start(&database.url(), &bootstrap)?;
    println!("two relays share the lanes: {:?}", lanes(&outbox, 2).await?);
    accounts::book(&database.pool, 0..40).await?;
    println!("40 events, in the order of each account: {}", accounts::in_order(&consumer.next(40).await?));

    first.kill().await?;
    accounts::book(&database.pool, 40..80).await?;
    println!("one relay was killed");
    println!("40 more events, in the order of each account: {}", accounts::in_order(&consumer.next(40).await?));
    println!("the other has its lanes: {:?}", lanes(&outbox, 1).await?);

    second.stop().await?;
    println!("{} events wait", outbox.stats().await?.pending);
    events.shutdown().await?;
    Ok(())
}

/// Waits until all 16 lanes are shared evenly by `relays`; answers how many each has.
async fn lanes(outbox: &OutboxRepository, relays: usize) -> Result<Vec<usize>, Error> {
    for _ in 0..600 {
        let owned: Vec<usize> =
            outbox.relays().await?.iter().filter(|relay| relay.is_alive).map(|relay| relay.lanes.len()).collect();
        if owned.len() == relays && owned.iter().all(|lanes| lanes * relays == 16) {
            return Ok(owned);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("the lanes were not shared in 30 s".into())
}

#[cfg(test)]
mod tests {
    #[test]
    fn events_stay_compatible() {
        marty_events::catalogue::assert_compatible("events.json");
    }
}
