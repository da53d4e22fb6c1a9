//! The messages of docs/guide/troubleshooting.md that no other suite provokes, each once.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    time::Duration,
};

use futures_util::FutureExt;
use marty_events::{
    AuditEvent, AuditEventType, CustomEvent, DomainEvent, EventConfig, EventConfigBuilder, EventError, EventPublisher,
    OutboxRepository,
    outbox::{OutboxPool, OutboxTable},
};
use marty_events_tests::{servers, wait};
use sqlx::SqlitePool;
use tokio::process::Command;

fn nowhere() -> EventConfigBuilder {
    EventConfig::builder().service_name("users").brokers("localhost:1")
}

async fn database() -> SqlitePool {
    sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.expect("a database")
}

#[tokio::test]
async fn a_topic_that_kafka_would_refuse_is_refused() {
    let publisher = EventPublisher::new(&nowhere().build().unwrap()).unwrap();
    let error = publisher.publish(CustomEvent::new("daily report", "sent")).await.unwrap_err();
    let text = "`marty.daily report` cannot be a Kafka topic: ` ` is not one of its letters (a-z A-Z 0-9 . _ -)";
    assert_eq!(error.to_string(), text);
    assert!(matches!(error, EventError::InvalidTopic { .. }) && !error.is_retryable());
}

#[tokio::test]
async fn data_that_is_not_json_is_refused() {
    let by_pair = BTreeMap::from([((1, 2), 3)]);
    let publisher = EventPublisher::new(&nowhere().build().unwrap()).unwrap();
    let error = publisher.publish(DomainEvent::new("user", 1, "moved").data(&by_pair)).await.unwrap_err();
    assert_eq!(error.to_string(), "`event_data` cannot be written as JSON");
    assert!(matches!(error, EventError::Serialize { .. }));
}

#[test]
fn a_client_that_cannot_be_made_is_reported() {
    // Each is fine alone.
    let config = nowhere().producer_property("linger.ms", "5000").producer_property("message.timeout.ms", "1000");
    let error = EventPublisher::new(&config.build().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "the Kafka client failed");
    assert!(format!("{error:?}").contains("message.timeout.ms"), "{error:?}");
}

/// A command that runs another as a user who has no other process, and may have this many with all their threads.
fn limited(processes: u32) -> Command {
    let user = 30_000 + std::process::id() % 30_000;
    let mut command = Command::new("setpriv");
    command
        .args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()])
        .args(["prlimit", &format!("--nproc={processes}"), "--"])
        .kill_on_drop(true);
    command
}

/// The Kafka client's threads are made first, so the first limit that is enough for them is too small for one more.
#[tokio::test]
async fn a_background_thread_that_cannot_be_started_is_reported() {
    // The checkout may lie where the other user may not go.
    let folder = tempfile::tempdir().unwrap();
    let service = folder.path().join("calling_service");
    fs::copy(env!("CARGO_BIN_EXE_calling_service"), &service).unwrap();
    for path in [folder.path(), &service] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    let refusal = match limited(1).args(["test", "-x"]).arg(&service).output().await {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("{} {}", output.status, String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("setpriv: {error}")),
    };
    if let Some(refusal) = refusal {
        let test = "a_background_thread_that_cannot_be_started_is_reported";
        servers::skip(test, &format!("it needs root, setpriv and prlimit to run a program as another user: {refusal}"));
        return;
    }
    let mut ends = Vec::new();
    for processes in 1..=16 {
        let mut command = limited(processes);
        command
            .arg(&service)
            .env_remove("DATABASE_URL")
            .env("KAFKA_BROKERS", "localhost:1")
            .env("SERVICE_NAME", "calling-service");
        let output = wait::answer(wait::DEADLINE, "an end", command.output()).await.unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        ends.push(log.lines().last().unwrap_or_default().to_owned());
        if log.contains("the background thread could not be started") {
            break;
        }
    }
    let text =
        "Error: EventError(the background thread could not be started: Resource temporarily unavailable (os error 11))";
    assert_eq!(ends.last().map(String::as_str), Some(text), "{ends:#?}");
}

#[test]
fn a_database_that_is_not_built_in_is_named() {
    let error = OutboxPool::connect_lazy("oracle://db/outbox").unwrap_err();
    assert!(matches!(error, EventError::UnsupportedDatabase { .. }), "{error:?}");
    assert!(
        error.to_string().starts_with("no outbox for the database of DATABASE_URL in this build; enable"),
        "{error}"
    );
}

#[tokio::test]
async fn a_database_url_that_cannot_be_read_is_reported() {
    let error = OutboxPool::connect_lazy("postgres://db:port/outbox").unwrap_err();
    assert_eq!(error.to_string(), "the outbox could not read DATABASE_URL");
}

#[test]
fn a_table_name_that_is_none_is_refused() {
    let error = "outbox; DROP TABLE users".parse::<OutboxTable>().unwrap_err();
    assert_eq!(error.to_string(), "`outbox; DROP TABLE users` is not a table name: `;` is not a letter, digit or `_`");
}

#[tokio::test]
async fn tables_that_are_in_the_way_are_reported() {
    let pool = database().await;
    sqlx::query("CREATE TABLE event_outbox (id INTEGER)").execute(&pool).await.unwrap();
    let error = marty_events::outbox::migrate(&pool).await.unwrap_err();
    assert!(matches!(error, EventError::Migrate(_)), "{error:?}");
    assert_eq!(error.to_string(), "the tables could not be migrated");
}

#[tokio::test]
async fn a_row_of_a_newer_version_is_named() {
    let pool = database().await;
    marty_events::outbox::migrate(&pool).await.unwrap();
    let publisher = EventPublisher::new(&nowhere().build().unwrap()).unwrap();
    let mut tx = pool.begin().await.unwrap();
    publisher.publish_in(&mut tx, DomainEvent::new("user", 1, "moved")).await.unwrap();
    tx.commit().await.unwrap();
    sqlx::query("UPDATE event_outbox SET encoding = 9").execute(&pool).await.unwrap();
    let error = OutboxRepository::new(&pool).pending(1).await.unwrap_err();
    assert!(matches!(error, EventError::UnreadableRow { .. }), "{error:?}");
    assert!(
        error.to_string().starts_with("outbox row 1 cannot be read: encoding 9 was written by a newer version"),
        "{error}"
    );
}

/// The one test of this program that registers a publisher.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_left_at_shutdown_are_counted() {
    let limit = Duration::from_millis(50);
    let events = marty_events::init_with(nowhere().shutdown_timeout(limit).build().unwrap()).await.unwrap();
    let publisher = marty_events::publisher().unwrap();
    let login = AuditEvent::new(AuditEventType::UserLogin, "login", "user").resource_id(1);
    assert!(publisher.publish(login).now_or_never().is_none(), "nobody answers there");
    let error = events.shutdown().await.unwrap_err();
    assert_eq!(error.to_string(), "1 accepted events were not delivered within the shutdown limit of 50ms");
}
