//! TLS to the outbox's database.

use std::{
    fs,
    time::{Duration, Instant},
};

use marty_events::{EventConfig, EventPublisher, OutboxRelay, OutboxRepository, outbox::OutboxPool};
use marty_events_tests::{
    certificates::Authority,
    database::TestDatabase,
    kafka::{Reader, prefix},
    logs::Lines,
    private_servers::Server,
    servers, wait,
};
use sqlx::{Connection, PgConnection};
use tracing::level_filters::LevelFilter;

use crate::support::{
    events::exported,
    service::{RunningRelay, config},
};

/// A publisher that keeps everything in the database at `url`.
fn keeping(url: &str, prefix: &str) -> EventPublisher {
    let config = EventConfig::builder()
        .service_name("suite")
        .brokers("127.0.0.1:1")
        .topic_prefix(prefix)
        .database_url(url)
        .producer_property("message.timeout.ms", "300");
    EventPublisher::new(&config.build().expect("a configuration")).expect("a publisher")
}

#[tokio::test]
async fn the_database_proves_who_it_is_or_gets_nothing() {
    let test = "the_database_proves_who_it_is_or_gets_nothing";
    let Some(brokers) = servers::kafka(test) else { return };
    if servers::postgres(test).is_none() {
        return;
    }
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let file = |name: &str, authority: &Authority| {
        fs::write(folder.path().join(name), authority.certificate()).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (right, wrong) = (file("right.pem", &authority), file("wrong.pem", &Authority::new()));
    let (_server, admin) = Server::postgres_as(&authority, "localhost");
    if let Err(error @ sqlx::Error::Tls(_)) = PgConnection::connect(&format!("{admin}?sslmode=require")).await {
        servers::skip(test, &format!("{error}; build with marty-events/database-tls"));
        return;
    }
    let database = TestDatabase::create_on(admin).await;
    let named = database.url.replace("127.0.0.1", "localhost");
    let verified = |url: &str, ca: &str| format!("{url}?sslmode=verify-full&sslrootcert={ca}");
    let prefix = prefix();

    // The certificate has the name, and not the number.
    for (url, word) in
        [(verified(&named, &wrong), "UnknownIssuer"), (verified(&database.url, &right), "not valid for name")]
    {
        let begin = Instant::now();
        keeping(&url, &prefix).publish(exported()).await.expect_err("nobody takes it");
        wait::assert_within(begin, Duration::from_secs(8), "the refusal");
        let lines = Lines::default();
        let relay = OutboxRelay::builder(OutboxPool::connect_lazy(&url).unwrap()).config(config(&brokers, &prefix));
        let relay = RunningRelay::start_under(relay, lines.of(LevelFilter::INFO));
        wait::until("the relay's reason", || async { lines.text().contains("cannot reach the").then_some(()) }).await;
        relay.stop().await;
        assert!(lines.text().contains(word), "{}", lines.text());
    }
    assert_eq!(OutboxRepository::new(&database.pool).stats().await.unwrap().pending, 0);

    let url = verified(&named, &right);
    let id = keeping(&url, &prefix).publish(exported()).await.expect("the outbox keeps it");
    let reader = Reader::start(&brokers, &prefix);
    let relay = OutboxRelay::builder(OutboxPool::connect_lazy(&url).unwrap()).config(config(&brokers, &prefix));
    let relay = RunningRelay::start(relay);
    assert_eq!(reader.events(1).await[0].id(), Some(id.to_string().as_str()));
    relay.stop().await;
}
