//! The example service on Apache Kafka and PostgreSQL, used over HTTP, its events read by kcat.

use std::process::{Command, Stdio};

use marty_events::OutboxRepository;
use marty_events_tests::{
    database::TestDatabase,
    kafka::prefix,
    printed,
    process::{Watched, binary},
    servers, wait,
};
use serde_json::Value;

/// Asks the service; answers the status and the body. The example's README uses curl.
fn curl(arguments: &[&str]) -> (u16, String) {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}"])
        .args(arguments)
        .output()
        .expect("curl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (body, status) = text.rsplit_once('\n').expect("a status");
    (status.parse().expect("a number"), body.to_owned())
}

/// The records that kcat reads from a topic, as JSON with key, headers and payload.
fn kcat(brokers: &str, topic: &str) -> Vec<Value> {
    let output = Command::new("kcat")
        .args(["-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"])
        .stdin(Stdio::null())
        .output()
        .expect("kcat is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("kcat writes JSON")).collect()
}

fn header<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    // kcat lists names and values in turn.
    let headers: Vec<&str> = record["headers"].as_array()?.iter().filter_map(Value::as_str).collect();
    headers.chunks(2).find(|pair| pair[0] == name).map(|pair| pair[1])
}

fn value(record: &Value) -> Value {
    serde_json::from_str(record["payload"].as_str().expect("a payload")).expect("JSON")
}

/// Runs the commands of the example's README, of which the first block starts the service.
fn as_its_readme_says(address: &str, brokers: &str, prefix: &str) {
    let blocks = printed::all("examples/user-service/README.md", "sh");
    assert!(blocks[0].text.contains("\nSERVICE_NAME=user-service cargo run -p user-service\n"), "{}", blocks[0].text);
    let run = |text: &str| {
        let output =
            Command::new("bash").args(["-euc", text]).env("KAFKA_BROKERS", brokers).output().expect("bash runs");
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let asked = printed::with(&blocks[1].text, "http://127.0.0.1:3000", address);
    let lines: Vec<&str> = asked.lines().collect();
    let [create, refuse, read] = lines[..] else { panic!("{asked}") };
    let created = run(create);
    assert!(created.starts_with("HTTP/1.1 201"), "{created}");
    let user: Value = serde_json::from_str(created.lines().last().expect("a body")).expect("JSON");
    let refused = run(refuse);
    assert!(refused.starts_with("HTTP/1.1 422"), "{refused}");
    let found = run(&printed::with(read, "/users/ID", &format!("/users/{}", user["id"].as_str().expect("an id"))));
    assert!(found.starts_with("HTTP/1.1 200") && found.contains("ada@example.com"), "{found}");
    let shown = printed::with(&blocks[2].text, "-t marty.", &format!("-t {prefix}."));
    assert!(run(&shown).contains("user-service"), "the records of the three topics");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_created_over_http_are_events_in_kafka_and_refused_ones_are_not() {
    let test = "users_created_over_http_are_events_in_kafka_and_refused_ones_are_not";
    let Some(brokers) = servers::kafka(test) else { return };
    if Command::new("kcat").arg("-V").output().is_err() {
        servers::skip(test, "kcat is not installed; scripts/services installs it where it can");
        return;
    }
    let Some(database) = TestDatabase::create(test).await else { return };
    let prefix = prefix();
    let service = Watched::start(
        Command::new(binary("user-service", "user-service", &[]))
            .env("KAFKA_BROKERS", &brokers)
            .env("DATABASE_URL", &database.url)
            .env("SERVICE_NAME", "user-service")
            .env("SERVICE_VERSION", "1.0.0")
            .env("EVENT_TOPIC_PREFIX", &prefix)
            .env("LISTEN", "127.0.0.1:0"),
    );
    let line = service.line(wait::DEADLINE).expect("the service starts");
    let address = line.strip_prefix("listening on ").expect("the address").to_owned();

    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let post = |name: &str, email: &str| {
        let body = serde_json::json!({"name": name, "email": email}).to_string();
        curl(&[
            "--header",
            "content-type: application/json",
            "--header",
            "x-correlation-id: corr-1",
            "--header",
            &format!("traceparent: {trace}"),
            "--data",
            &body,
            &format!("{address}/users"),
        ])
    };
    let mut ids = Vec::new();
    for number in 0..5 {
        let (status, body) = post(&format!("User {number}"), &format!("{number}@example.com"));
        assert_eq!(status, 201, "{body}");
        let user: Value = serde_json::from_str(&body).unwrap();
        ids.push(user["id"].as_str().unwrap().to_owned());
        assert_eq!(post("Nobody", "nowhere").0, 422);
    }
    let (status, _) = curl(&[&format!("{address}/users/{}", ids[0])]);
    assert_eq!(status, 200);

    let outbox = OutboxRepository::new(&database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    // Relays count with their heartbeats.
    wait::until("three events of each of five users", || async {
        (outbox.stats().await.ok()?.published == 15).then_some(())
    })
    .await;

    let created = kcat(&brokers, &format!("{prefix}.user-service.user.user_created"));
    let mut keys: Vec<&str> = created.iter().map(|record| record["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    let mut expected = ids.clone();
    expected.sort_unstable();
    assert_eq!(keys, expected, "the refused users left no event");
    for record in &created {
        let value = value(record);
        assert_eq!(header(record, "ce_specversion"), Some("1.0"));
        assert_eq!(header(record, "ce_id"), value["metadata"]["event_id"].as_str());
        assert_eq!(header(record, "ce_source"), Some("user-service"));
        assert_eq!(header(record, "ce_type"), Some("user_created"));
        assert_eq!(header(record, "ce_time"), value["metadata"]["timestamp"].as_str());
        assert_eq!(header(record, "ce_subject"), record["key"].as_str());
        assert_eq!(header(record, "content-type"), Some("application/json"));
        assert_eq!(header(record, "traceparent"), Some(trace));
        assert_eq!(value["metadata"]["service_name"], "user-service");
        assert_eq!(value["metadata"]["service_version"], "1.0.0");
        assert_eq!(value["metadata"]["correlation_id"], "corr-1");
        assert_eq!(value["metadata"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(value["event_type"], "user_created");
        assert_eq!(value["payload"]["aggregate_type"], "user");
        assert_eq!(value["payload"]["aggregate_id"].as_str(), record["key"].as_str());
        assert!(value["payload"]["event_data"]["email"].as_str().unwrap().ends_with("@example.com"));
    }
    let audit = kcat(&brokers, &format!("{prefix}.audit.events"));
    let types: Vec<&str> = audit.iter().filter_map(|record| header(record, "ce_type")).collect();
    assert_eq!(types.iter().filter(|kind| **kind == "data.created").count(), 5);
    assert_eq!(types.iter().filter(|kind| **kind == "data.accessed").count(), 1);
    let welcome = kcat(&brokers, &format!("{prefix}.notification.events"));
    assert_eq!(welcome.len(), 5);
    assert!(welcome.iter().any(|record| value(record)["payload"]["subject"] == "Welcome, User 0!"));

    as_its_readme_says(&address, &brokers, &prefix);
    service.terminate();
    let last = service.last_lines();
    assert_eq!(last.last().map(String::as_str), Some("stopped"), "SIGTERM ends it in good order");
}
