//! `doctor`: each of its findings, provoked once.

use std::time::Duration;

use marty_events::EventPublisher;
use marty_events_tests::{database::TestDatabase, ports, private_servers::Server, servers, topics};
use serde_json::json;
use sqlx::AssertSqlSafe;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::operator::{Operator, assert_check, bury, created, read, steady, write};
use crate::support::service::{RunningRelay, Service, config};

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_outbox_is_found_healthy_and_an_unhealthy_one_is_not() {
    let test = "a_healthy_outbox_is_found_healthy_and_an_unhealthy_one_is_not";
    let Some(service) = Service::start(test).await else { return };
    let operator = Operator::of(&service);
    let relay = RunningRelay::start(service.relay().lease_time(Duration::from_mins(1)));
    write(&service.database, &service.publisher, [created("1")]).await;
    service.reader.events(1).await;
    let outbox = marty_events::OutboxRepository::new(&service.database.pool);
    marty_events_tests::wait::until("an empty outbox", || async {
        (outbox.stats().await.ok()?.pending == 0).then_some(())
    })
    .await;
    insta::assert_snapshot!(steady(&operator.text(&["doctor"])), @r"
    ok configuration outbox `event_outbox`, topic prefix [prefix]; SERVICE_NAME is not set, which a service needs and this command does not
    ok database PostgreSQL [address]/[database] answers
    ok tables the tables exist, and have this version
    ok privileges the user has every right that a relay needs
    ok clock the database's clock is [duration] beside this machine's, give or take [duration]
    ok relay 1 working or standing by
     suite on [host], process [number], version [version], lanes 1-16
    ok lanes every lane has an owner
    ok backlog no event waits
    ok dead-letters none
    ok broker [address] answers; brokers: [address]
    ok advertised-addresses every address can be reached
    ok prefix topics that begin with `[prefix].`: 1
    ok topics 0 exist; the broker creates the others when they are needed
    ok message-size the producer takes [size], and no broker or topic has a lower limit

    14 ok
    ");
    relay.stop().await;

    let topic = format!("{}.audit.events", service.prefix);
    topics::create(service.publisher.bootstrap_servers(), &topic, 2_000).await;
    write(&service.database, &service.publisher, [created("2")]).await;
    bury(&service.database, "no room").await;
    write(&service.database, &service.publisher, [created("3")]).await;
    sqlx::query("UPDATE event_outbox SET created_at = created_at - interval '5 minutes'")
        .execute(&service.database.pool)
        .await
        .unwrap();
    let report = operator.run(&["doctor", "--json"]);
    assert_eq!((report.code, &read(&report.text)["ok"]), (3, &json!(false)));
    assert_eq!(read(&report.text)["sum"], json!({"ok": 9, "warning": 1, "failed": 3, "skipped": 1}));
    assert_check(&report, "relay", "failed", "no relay runs, and 1 events wait", "start `marty-events relay`");
    assert_check(&report, "lanes", "skipped", "", "");
    assert_check(
        &report,
        "backlog",
        "failed",
        "1 events wait, the oldest for 5 min, longer than 1 min",
        "tail --outbox",
    );
    assert_check(&report, "dead-letters", "failed", "refused 1 events", "`marty-events dead-letters list`");
    let found = format!("the producer takes 1000000 bytes, but {topic} takes 2000");
    assert_check(&report, "message-size", "warning", &found, "raise max.message.bytes");

    // A prefix of nobody, with and without events of another one in the outbox.
    let elsewhere = Operator::of(&service).with("EVENT_TOPIC_PREFIX", "elsewhere");
    let report = elsewhere.run(&["doctor", "--json"]);
    let found =
        format!("no event in the outbox is for a topic of `elsewhere.`; they are for `{}.suite", service.prefix);
    assert_check(&report, "prefix", "warning", &found, "set EVENT_TOPIC_PREFIX here to the services' value");
    elsewhere.text(&["migrate", "--table", "empty_outbox"]);
    let report = elsewhere.run(&["doctor", "--json", "--table", "empty_outbox"]);
    let found = "nobody has written to a topic of `elsewhere.`; services write with the prefix `";
    assert_check(&report, "prefix", "warning", found, "unless no service has published an event yet");

    let patient = operator.run(&["doctor", "--json", "--max-age", "1h"]);
    assert_check(&patient, "backlog", "ok", "the oldest for 5 min", "");

    // A relay that has all the lanes but one.
    for sql in [
        "INSERT INTO event_outbox_relays (relay, expires_at) VALUES ('00000000-0000-4000-8000-000000000000', now() + interval '1 hour')",
        "UPDATE event_outbox_lanes SET owner = '00000000-0000-4000-8000-000000000000' WHERE lane <> 3",
    ] {
        sqlx::query(sql).execute(&service.database.pool).await.unwrap();
    }
    let report = operator.run(&["doctor", "--json"]);
    assert_check(&report, "relay", "ok", "1 working", "");
    assert_check(&report, "lanes", "warning", "no relay owns 3", "lease time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_used_is_explained() {
    let Some(admin) = servers::postgres("a_database_that_cannot_be_used_is_explained") else { return };
    let database = TestDatabase::create_on(admin).await;
    let broker = ("KAFKA_BROKERS", "127.0.0.1:1".to_owned());
    let doctor = |url: &str, more: &[&str]| {
        let operator = Operator::new([("DATABASE_URL", url.to_owned()), broker.clone()]);
        let report = operator.run(&[&["doctor", "--json", "--timeout", "1s"], more].concat());
        assert_eq!(report.code, 3, "{report:?}");
        assert!(!format!("{report:?}").contains("hunter2"), "{report:?}");
        report
    };
    let report = doctor("postgres://me:hunter2@127.0.0.1:1/x", &[]);
    assert_check(&report, "database", "failed", "PostgreSQL 127.0.0.1:1/x cannot be reached", "check host and port");
    assert_check(&report, "tables", "skipped", "", "");
    assert_check(&report, "broker", "failed", "no broker can be reached", "check the addresses in KAFKA_BROKERS");
    assert_check(&report, "topics", "skipped", "", "");
    let report = doctor("oracle://me:hunter2@db/x", &[]);
    assert_check(
        &report,
        "configuration",
        "failed",
        "oracle://me:***@db/x: its scheme",
        "DATABASE_URL: write postgres://",
    );
    assert_check(&report, "database", "failed", "", "write DATABASE_URL as postgres://");
    let server = database.url.rsplit_once('@').expect("a user").1.rsplit_once('/').expect("a database").0.to_owned();
    let report = doctor(&format!("postgres://nobody:hunter2@{server}/x"), &[]);
    assert_check(&report, "database", "failed", "password authentication failed", "check the user and the password");

    let report = doctor(&database.url, &["--table", "elsewhere"]);
    assert_check(&report, "database", "ok", "answers", "");
    assert_check(&report, "tables", "failed", "the outbox table `elsewhere` does not exist", "`marty-events migrate`");
    // The tables of the first version.
    let first = include_str!("../../../../marty-events/migrations/postgres/0001_outbox.sql");
    sqlx::raw_sql(AssertSqlSafe(first.replace("event_outbox", "old_outbox"))).execute(&database.pool).await.unwrap();
    let report = doctor(&database.url, &["--table", "old_outbox"]);
    assert_check(&report, "tables", "failed", "or is of an earlier version", "`marty-events migrate`");

    let role = format!("reader_{}", uuid::Uuid::now_v7().simple());
    for sql in
        [format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'"), format!("GRANT SELECT ON event_outbox TO {role}")]
    {
        sqlx::query(AssertSqlSafe(sql)).execute(&database.pool).await.unwrap();
    }
    let name = database.url.rsplit_once('/').expect("a database").1;
    let report = doctor(&format!("postgres://{role}:hunter2@{server}/{name}"), &[]);
    assert_check(&report, "privileges", "failed", "may not use the outbox", "let the owner of the tables run");
    let nothing = Operator::new([broker.clone()]).run(&["doctor", "--json", "--timeout", "1s"]);
    assert_check(&nothing, "database", "failed", "no database is named", "set DATABASE_URL");
}

#[test]
fn every_fault_of_the_environment_is_listed() {
    let operator = Operator::new([("KAFKA_BROKERS", "nowhere".to_owned()), ("EVENT_TOPIC_PREFIX", "a b".to_owned())]);
    let report = operator.run(&["doctor"]);
    assert_eq!(report.code, 3);
    let configuration: Vec<&str> = report.text.lines().take(4).collect();
    insta::assert_snapshot!(steady(&configuration.join("\n")), @r"
    failed configuration KAFKA_BROKERS=nowhere: `nowhere` is not an address
     EVENT_TOPIC_PREFIX=a b: ` ` is not one of its letters (a-z A-Z 0-9 . _ -)
     what to do: KAFKA_BROKERS: write host:port, several separated by commas, or embedded
     EVENT_TOPIC_PREFIX: write letters, digits, `.`, `_` or `-`, or nothing
    ");
}

#[test]
fn misspelt_variables_are_pointed_out() {
    let operator = Operator::new([
        ("KAFKA_BROKER", "kafka-1:9092".to_owned()),
        ("KAFKA_BROKERS_SERVICE_HOST", "10.0.0.1".to_owned()),
        ("EVENT_TOPIC_PERFIX", "prod".to_owned()),
    ]);
    let report = operator.run(&["doctor", "--json", "--timeout", "0s"]);
    let found = "EVENT_TOPIC_PERFIX is not read: did you mean EVENT_TOPIC_PREFIX?\n\
        KAFKA_BROKER is not read: did you mean KAFKA_BROKERS?";
    assert_check(&report, "variables", "warning", found, "rename the variables, unless they belong to another program");
    let operator = operator.with("KAFKA_BROKERS", "127.0.0.1:1");
    for command in [&["tail", "--no-follow"][..], &["relay"]] {
        let answer = operator.run(command);
        assert!(answer.complaint.contains("did you mean EVENT_TOPIC_PREFIX?"), "{answer:?}");
        assert!(!answer.complaint.contains("KAFKA_BROKER is"), "the right one is set: {answer:?}");
    }
    let report = Operator::new([]).run(&["doctor", "--json", "--timeout", "0s"]);
    assert!(!report.text.contains("variables"), "{report:?}");

    // Each variable of the documented table, without its last letter.
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).expect("the page");
    let names = readme.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let names = names.flat_map(|names| names.split('`')).filter(|name| {
        ["KAFKA_", "EVENT_", "ENABLE_EVENT_"].iter().any(|begin| name.starts_with(begin)) && !name.contains('<')
    });
    let names: Vec<&str> = names.collect();
    assert!(10 < names.len(), "{names:?}");
    for name in names {
        let report = Operator::new([])
            .command(&["doctor", "--json", "--timeout", "0s"])
            .env(&name[..name.len() - 1], "x")
            .output();
        let report = String::from_utf8(report.expect("an answer").stdout).expect("UTF-8");
        assert!(report.contains(&format!("did you mean {name}?")), "{name}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_wrong_is_warned_of() {
    let Some(database) = TestDatabase::create("a_clock_that_goes_wrong_is_warned_of").await else { return };
    let name = database.url.rsplit_once('/').expect("a database").1.to_owned();
    for sql in [
        "CREATE SCHEMA shifted".to_owned(),
        "CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql
            RETURN pg_catalog.clock_timestamp() - interval '1 hour'"
            .to_owned(),
        format!("ALTER DATABASE {name} SET search_path = shifted, pg_catalog, public"),
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&database.pool).await.unwrap();
    }
    let operator = Operator::of_database(&database).with("KAFKA_BROKERS", "127.0.0.1:1");
    let report = operator.run(&["doctor", "--json", "--timeout", "1s"]);
    assert_check(&report, "clock", "warning", "min behind this machine's", "same time server");
}

/// The answer is that of a TLS server to a client that does not speak TLS: an alert (RFC 8446, 6).
#[tokio::test(flavor = "multi_thread")]
async fn a_listener_of_another_protocol_is_recognised() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                let _ = client.read(&mut request).await;
                let _ = client.write_all(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46]).await;
            });
        }
    });
    let operator = Operator::new([("KAFKA_BROKERS", address)]);
    let report = operator.run(&["doctor", "--json"]);
    let found = "the listener hangs up on a client without TLS";
    assert_check(&report, "broker", "failed", found, "set KAFKA_SECURITY_PROTOCOL to ssl or sasl_ssl");

    // One that hangs up without a word may be one too.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let report = Operator::new([("KAFKA_BROKERS", address)]).run(&["doctor", "--json"]);
    assert_check(&report, "broker", "failed", found, "check that a Kafka broker listens there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_makes_no_topics_and_gives_another_address_is_explained() {
    let test = "a_broker_that_makes_no_topics_and_gives_another_address_is_explained";
    let Some(admin) = servers::postgres(test) else { return };
    // Without the test command's servers, Kafka is missing too.
    if servers::kafka(test).is_none() {
        return;
    }
    let database = TestDatabase::create_on(admin).await;
    let advertised = format!("127.0.0.1:{}", ports::one());
    let (_server, bootstrap) = tokio::task::spawn_blocking({
        let advertised = advertised.clone();
        move || Server::kafka_that_makes_no_topics(&advertised)
    })
    .await
    .unwrap();
    let operator = Operator::of_database(&database).with("KAFKA_BROKERS", bootstrap.clone());
    let report = operator.run(&["doctor", "--json", "--timeout", "60s"]);
    assert_check(&report, "broker", "ok", "", "");
    assert_check(&report, "advertised-addresses", "failed", &advertised, "advertised.listeners");

    let listener = TcpListener::bind(advertised).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&bootstrap).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let missing =
        "missing, and the broker does not create topics by itself: marty.audit.events, marty.notification.events";
    let report = operator.run(&["doctor", "--json"]);
    assert_check(&report, "advertised-addresses", "ok", "every address can be reached", "");
    assert_check(&report, "topics", "warning", missing, "kafka-topics.sh --create --topic marty.audit.events");
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    write(&database, &publisher, [created("1")]).await;
    let report = operator.run(&["doctor", "--json"]);
    assert_check(&report, "topics", "failed", &format!("{missing}, p.suite.user.user_created"), "create them");
    let strict = operator.run(&["doctor", "--strict"]);
    assert_eq!(strict.code, 3, "{strict:?}");
}
