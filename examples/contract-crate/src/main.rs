//! The fleet in one process: the producer, a broker (librdkafka's in-process one) and the consumer.

use certificate_events::{CertificateRevokedV1, Reason};
use examples_common::{Consumer, Database};
use marty_events::{CancellationToken, EventConfig, OutboxRelay};
use revocation_list::StatusList;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database = Database::create().await?;
    let pool = &database.pool;
    sqlx::query("CREATE TABLE certificates (serial TEXT PRIMARY KEY, revoked BOOLEAN NOT NULL)").execute(pool).await?;
    marty_events::outbox::migrate(pool).await?;
    let config = EventConfig::builder().service_name("certificates").embedded().build()?;
    let events = marty_events::init_with(config.clone()).await?;
    let stop = CancellationToken::new();
    let relay = tokio::spawn(OutboxRelay::builder(pool).config(config).build()?.run(stop.clone()));

    // A release of last year published version 1, which is in the topic still.
    let mut tx = pool.begin().await?;
    events.publisher().publish_in(&mut tx, CertificateRevokedV1 { serial: "0a:41".to_owned() }).await?;
    tx.commit().await?;
    certificates::revoke(pool, "0a:42", Reason::Superseded).await?;

    let topic = "marty.certificates.certificate.certificate_revoked";
    let mut consumer = Consumer::of(events.publisher().bootstrap_servers(), &[topic])?;
    let mut list = StatusList::default();
    for event in consumer.next(2).await? {
        list.take(event.envelope.to_string().as_bytes())?;
    }
    for (serial, reason) in list.revoked() {
        println!("{serial} is revoked: {reason:?}");
    }

    stop.cancel();
    relay.await??;
    events.shutdown().await?;
    Ok(())
}
