//! A service that was told secrets, and says all it can: for the test that none of them is among it.
//!
//! It is configured by the environment, with every log at its lowest level on standard error; shows everything it has by
//! `Debug`; and meets every failure that its surroundings provide. `SECRET_HOLDER_SECRET` is put where it does not belong.

use std::{error::Error, panic, time::Duration};

use log::{Level, LevelFilter, Metadata, Record};
use marty_events::{
    AuditEvent, AuditEventType, CancellationToken, EventConfig, EventPublisher, OutboxRelay, OutboxRepository,
    outbox::OutboxPool,
};
use tracing_subscriber::filter::LevelFilter as TracingLevel;

/// The log of the Kafka client's Rust part, which does not use `tracing`.
struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Trace
    }

    fn log(&self, record: &Record<'_>) {
        eprintln!("log {} {} {}", record.level(), record.target(), record.args());
    }

    fn flush(&self) {}
}

/// An error as logs, reports and panics show it.
fn tell(error: impl Error) {
    eprintln!("error: {error} | {error:?} | {error:#?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("because: {error} | {error:?}");
        cause = error.source();
    }
    let panicked = panic::catch_unwind(panic::AssertUnwindSafe(|| panic!("{error:?}")));
    assert!(panicked.is_err(), "it panics");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    log::set_logger(&Stderr)?;
    log::set_max_level(LevelFilter::Trace);
    tracing_subscriber::fmt().with_max_level(TracingLevel::TRACE).with_writer(std::io::stderr).init();

    misplaced(&std::env::var("SECRET_HOLDER_SECRET")?);

    let config = EventConfig::from_env()?;
    let pool = OutboxPool::connect_lazy(&std::env::var("DATABASE_URL")?)?;
    let outbox = OutboxRepository::new(&pool);
    let builder = OutboxRelay::builder(&pool).config(config.clone()).drain_time(Duration::from_millis(100));
    eprintln!("{config:?} {config:#?} {pool:?} {outbox:?} {builder:?}");
    let relay = builder.build()?;
    eprintln!("{relay:?}");
    if let Err(error) = outbox.stats().await {
        tell(error);
    }
    let publisher = EventPublisher::new(&config)?;
    eprintln!("{publisher:?}");
    let exported = AuditEvent::new(AuditEventType::DataExported, "export", "report");
    match publisher.publish(exported.clone()).await {
        Ok(id) => eprintln!("published {id}"),
        Err(error) => tell(error),
    }
    let events = marty_events::init().await?;
    eprintln!("{events:?}");
    let stop = CancellationToken::new();
    let relay = tokio::spawn(relay.run(stop.clone()));
    let _ = tokio::time::timeout(Duration::from_secs(2), publisher.publish(exported)).await;
    stop.cancel();
    match tokio::time::timeout(Duration::from_secs(5), relay).await {
        Ok(ended) => ended?.unwrap_or_else(tell),
        Err(_) => eprintln!("the relay waits for its database"),
    }
    if let Err(error) = events.shutdown().await {
        tell(error);
    }
    Ok(())
}

/// A secret where a configuration refuses it.
fn misplaced(secret: &str) {
    let service = || EventConfig::builder().service_name("secret-holder");
    let faulty = [
        service().sasl("PLAIN", "me", secret),
        service().security_protocol("sasl_plaintext").sasl("LOGIN", "me", secret),
        service().security_protocol("sasl_plaintext").sasl("PLAIN", "", secret),
        service().producer_property("sasl.pasword", secret),
        service().producer_property("sasl.password", secret),
        service().producer_property("sasl.jaas.config", format!("required password='{secret}';")),
        service().producer_property("ssl.key.pem", format!("-----BEGIN\n{secret}")).producer_property("acks", "0"),
        // The client has no token endpoint.
        service().producer_property("sasl.oauthbearer.client.secret", secret),
        service().brokers(format!("sasl://me:{secret}@127.0.0.1:1")),
        service().database_url(format!("oracle://me:{secret}@db/outbox?password={secret}")),
        service().database_url(format!("me:{secret}@db")),
    ];
    for builder in faulty {
        eprintln!("{builder:?}");
        tell(builder.build().expect_err("a fault"));
    }
    // Known to the configuration, and refused when the client is made.
    let unusable = [
        service().producer_property("ssl.key.password", secret).producer_property("ssl.key.location", "/nowhere"),
        service().producer_property("ssl.key.pem", secret).security_protocol("ssl"),
        service().producer_property("ssl.keystore.password", secret).producer_property("ssl.keystore.location", "/x"),
        service().security_protocol("sasl_plaintext").sasl("PLAIN", "me", format!("{secret}\0")),
        service().security_protocol("ssl").producer_property("ssl.certificate.pem", secret),
    ];
    for builder in unusable {
        match builder.build() {
            Ok(config) => match EventPublisher::new(&config) {
                Ok(publisher) => eprintln!("{publisher:?}"),
                Err(error) => tell(error),
            },
            Err(error) => tell(error),
        }
    }
    for url in [
        format!("postgres://me:{secret}@db:port/outbox"),
        format!("postgres://me:{secret}@[::1/outbox"),
        format!("postgres://me:{secret}@db/outbox?sslmode=none"),
        format!("postgres://me@db/outbox?sslpassword={secret}"),
        format!("postgres://me@db/outbox?passwd={secret}"),
        format!("mysql://me:{secret}@db:99999/outbox"),
        format!("{secret}://me@db/outbox"),
        secret.to_owned(),
    ] {
        match OutboxPool::connect_lazy(&url) {
            Ok(pool) => eprintln!("{pool:?}"),
            Err(error) => tell(error),
        }
    }
}
