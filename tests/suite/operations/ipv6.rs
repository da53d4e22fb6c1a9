//! A database at an IPv6 address.

use marty_events::{AuditEvent, AuditEventType, EventConfig, EventPublisher, OutboxRepository, outbox::OutboxPool};
use marty_events_tests::{database::TestDatabase, mariadb::MariaDatabase, private_servers::Server, servers, wait};
use tokio::net::{TcpListener, TcpStream};

/// A port of `::1` that leads to `server`; nothing, after reporting `test` as skipped, on a machine without that address.
async fn lead_to(test: &str, server: String) -> Option<u16> {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        servers::skip(test, "this machine has no address ::1");
        return None;
    };
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    Some(port)
}

/// The URL's host and port, and the URL with another pair.
fn split(url: &str) -> (String, impl Fn(&str) -> String) {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(user, rest)| (user, rest));
    let (place, database) = rest.split_once('/').expect("a database");
    let at = if user.is_empty() { "" } else { "@" };
    (place.to_owned(), move |place| format!("{scheme}://{user}{at}{place}/{database}"))
}

/// An event is kept in the outbox there, and found again.
async fn keep(url: &str) {
    let config = EventConfig::builder().service_name("suite").brokers("127.0.0.1:1").database_url(url);
    let config = config.producer_property("message.timeout.ms", "500").build().expect("the address is taken");
    let publisher = EventPublisher::new(&config).expect("a publisher");
    let event = AuditEvent::new(AuditEventType::DataExported, "export", "report").resource_id("r-1");
    // The library waits for a database for 5 s.
    let id = wait::until("it is kept", || async { publisher.publish(event.clone()).await.ok() }).await;
    let outbox = OutboxRepository::new(OutboxPool::connect_lazy(url).expect("a pool"));
    let pending = outbox.pending(1_000).await.expect("the outbox");
    assert!(pending.iter().any(|event| event.event_id == id), "{pending:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_listens_at_an_ipv6_address_is_reached_there() {
    let test = "a_postgresql_that_listens_at_an_ipv6_address_is_reached_there";
    if servers::postgres(test).is_none() {
        return;
    }
    if lead_to(test, String::new()).await.is_none() {
        return;
    }
    let start = || Server::postgres_with("listen_addresses = '127.0.0.1, ::1'");
    let (_server, url) = tokio::task::spawn_blocking(start).await.unwrap();
    let url = url.replacen("127.0.0.1", "[::1]", 1);
    marty_events::outbox::migrate(match &OutboxPool::connect_lazy(&url).unwrap() {
        OutboxPool::Postgres(pool) => pool,
        other => panic!("{other:?}"),
    })
    .await
    .unwrap();
    keep(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_behind_an_ipv6_address_are_reached_there() {
    let test = "databases_behind_an_ipv6_address_are_reached_there";
    let Some(postgres) = TestDatabase::create(test).await else { return };
    let Some(mariadb) = MariaDatabase::create(test).await else { return };
    for url in [&postgres.url, &mariadb.url] {
        let (server, with) = split(url);
        let Some(port) = lead_to(test, server).await else { return };
        keep(&with(&format!("[::1]:{port}"))).await;
    }
}
