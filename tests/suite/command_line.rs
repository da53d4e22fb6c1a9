//! The command `marty-events`, as an operator runs it.

use std::process::{Command, Output};

use marty_events::{DomainEvent, OutboxRepository};
use marty_events_tests::{
    process::{Watched, command_line},
    wait,
};

use crate::setup::Service;

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_migrates_relays_and_looks() {
    let Some(service) = Service::start("an_operator_migrates_relays_and_looks").await else { return };
    let program = command_line();
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).env("DATABASE_URL", &service.database.url).env("EVENT_OUTBOX_TABLE", "operated");
        command
    };
    let missing = command(&["status"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        complaint.contains("the outbox table `operated` does not exist, or is of an earlier version; run"),
        "{complaint}"
    );
    assert_eq!(text(&command(&["migrate"]).output().unwrap()), "the outbox `operated` is up to date\n");

    let config = marty_events::EventConfig::builder()
        .service_name("suite")
        .brokers(service.publisher.bootstrap_servers())
        .topic_prefix(&service.prefix)
        .outbox_table("operated")
        .build()
        .unwrap();
    let publisher = marty_events::EventPublisher::unregistered(&config).unwrap();
    let mut transaction = service.database.pool.begin().await.unwrap();
    publisher.publish_in(&mut transaction, DomainEvent::new("user", 1, "created")).await.unwrap();
    transaction.commit().await.unwrap();
    let waiting = text(&command(&["status", "--json"]).output().unwrap());
    let waiting: serde_json::Value = serde_json::from_str(&waiting).unwrap();
    assert_eq!((&waiting["pending"], &waiting["published"]), (&1.into(), &0.into()));

    let relay = Watched::start(
        command(&["relay"])
            .env("SERVICE_NAME", "suite")
            .env("KAFKA_BROKERS", service.publisher.bootstrap_servers())
            .env("EVENT_TOPIC_PREFIX", &service.prefix),
    );
    service.reader.events(1).await;
    let outbox = OutboxRepository::new(&service.database.pool).table(config.outbox_table().clone());
    wait::until("the settlement", || async { (outbox.stats().await.ok()?.published == 1).then_some(()) }).await;
    relay.terminate();
    assert_eq!(relay.line(wait::DEADLINE), None, "it ends, and has said nothing on standard output");
    let stats = text(&command(&["status"]).output().unwrap());
    assert!(stats.starts_with("pending    0\n") && stats.ends_with("published  1\n"), "{stats}");
    assert_eq!(text(&command(&["dead-letters", "list"]).output().unwrap()), "");
    let none = uuid::Uuid::nil().to_string();
    assert_eq!(text(&command(&["dead-letters", "requeue", &none]).output().unwrap()), "requeued 0\n");
}
