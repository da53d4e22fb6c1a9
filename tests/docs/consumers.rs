//! The consumer in Python of docs/guide/consumers.md, with confluent-kafka on Apache Kafka. rustdoc runs the one in Rust.

use std::{env, fs, process::Command};

use marty_events::{DomainEvent, EventConfig, EventPublisher};
use marty_events_tests::{kafka::prefix, printed, process::Watched, servers, wait};

const PAGE: &str = "docs/guide/consumers.md";
const NAME: &str = "the_consumer_in_python_handles_each_event_once";

#[tokio::test]
async fn the_consumer_in_python_handles_each_event_once() {
    let Some(brokers) = servers::kafka(NAME) else { return };
    let Some(python) = env::var_os("MARTY_EVENTS_PYTHON") else {
        return servers::skip(NAME, "MARTY_EVENTS_PYTHON is not set; run scripts/test, which installs confluent-kafka");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("consumer.py");
    fs::write(&program, printed::only(PAGE, "python")).expect("a file");

    let prefix = prefix();
    let config = EventConfig::builder().service_name("users").brokers(&brokers).topic_prefix(&prefix).build();
    let publisher = EventPublisher::new(&config.expect("a configuration")).expect("a publisher");
    let publish = async |id: u64| {
        let event = DomainEvent::new("user", id, "user_created").data(&serde_json::json!({"email": "a@example.com"}));
        publisher.publish(event).await.expect("the event is acknowledged");
    };
    publish(1).await;
    publish(2).await;

    let consumer = |group: &str| {
        let mut command = Command::new(&python);
        command
            .arg(&program)
            .env("DATABASE", folder.path().join("database"))
            .env("KAFKA_BROKERS", &brokers)
            .env("GROUP", format!("{prefix}-{group}"))
            .env("TOPIC", format!("{prefix}.users.user.user_created"));
        Watched::start(&mut command)
    };
    let said = |consumer: &Watched| {
        let line = consumer.line(wait::DEADLINE).expect("the consumer says something");
        line.split_once(' ').expect("a word and an id").0.to_owned()
    };
    let first = consumer("mail");
    assert_eq!([said(&first), said(&first)], ["handled", "handled"]);
    publish(3).await;
    assert_eq!(said(&first), "handled");
    drop(first);
    // Another group reads all of them again, as one that was reset does.
    let second = consumer("again");
    assert_eq!([said(&second), said(&second), said(&second)], ["known", "known", "known"]);
}
