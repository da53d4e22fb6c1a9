//! A service that is killed again and again: it creates accounts in transactions, with a relay in its process, and says
//! on standard output how far it is.

use std::time::Duration;

use marty_events::{CancellationToken, OutboxRelay, domain_event};
use marty_events_tests::failure::Failure;
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

#[domain_event(aggregate_type = "account", event_type = "opened", aggregate_id_field = "id")]
async fn open(tx: &mut Transaction<'_, Postgres>, id: Uuid) -> Result<(), Failure> {
    sqlx::query("INSERT INTO accounts (id) VALUES ($1)").bind(id).execute(&mut **tx).await?;
    println!("written {id}");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
    let _events = marty_events::init().await?;
    let relay = OutboxRelay::builder(&pool).lease_time(Duration::from_secs(1)).build()?;
    tokio::spawn(relay.run(CancellationToken::new()));
    loop {
        let id = Uuid::now_v7();
        let mut tx = pool.begin().await?;
        open(&mut tx, id).await?;
        println!("inserted {id}");
        tx.commit().await?;
        println!("committed {id}");
    }
}
