//! An operator at a shell, and the answers of the command `marty-events`.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use marty_events::{DomainEvent, EventPublisher};
use marty_events_tests::{database::TestDatabase, process::command_line};
use regex::Regex;
use serde_json::Value;
use uuid::Uuid;

use super::service::Service;

/// Someone at a shell with these variables and no others of the framework's.
pub(crate) struct Operator(Vec<(&'static str, String)>);

/// A command's exit code and its output.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) text: String,
    pub(crate) complaint: String,
}

impl Operator {
    pub(crate) fn new(variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// With a database alone.
    pub(crate) fn of_database(database: &TestDatabase) -> Self {
        Self::new([("DATABASE_URL", database.url.clone())])
    }

    /// With a database and a broker.
    pub(crate) fn of(service: &Service) -> Self {
        Self::new([
            ("DATABASE_URL", service.database.url.clone()),
            ("KAFKA_BROKERS", service.publisher.bootstrap_servers().to_owned()),
            ("EVENT_TOPIC_PREFIX", service.prefix.clone()),
        ])
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let mut command = Command::new(PROGRAM.get_or_init(command_line));
        for foreign in
            ["DATABASE_URL", "KAFKA_BROKERS", "SERVICE_NAME", "EVENT_TOPIC_PREFIX", "EVENT_OUTBOX_TABLE", "RUST_LOG"]
        {
            command.env_remove(foreign);
        }
        command.args(arguments).envs(self.0.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        let output = self.command(arguments).output().expect("the program runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer {
            code: output.status.code().expect("it ends by itself"),
            text: text(&output.stdout),
            complaint: text(&output.stderr),
        }
    }

    /// The text of an answer. The command must succeed.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.text
    }

    /// The lines of such an answer, each of them JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        self.text(&[arguments, &["--json"]].concat()).lines().map(read).collect()
    }
}

pub(crate) fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// A text without the parts that differ from run to run; columns are one blank apart.
pub(crate) fn steady(text: &str) -> String {
    let varying = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[id]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
        (r"\bt[0-9a-f]{32}\b", "[prefix]"),
        (r"marty_test_[0-9a-f]{32}", "[database]"),
        (r"127\.0\.0\.1:\d+(/bootstrap|/\d+)?", "[address]"),
        (r"\d+(\.\d+)? (ms|s)\b", "[duration]"),
        (r"\d+ (B|bytes)\b", "[size]"),
        (r"(ahead of|behind) this", "beside this"),
        (r" on \S+, process \d+, version [0-9.]+", " on [host], process [number], version [version]"),
        (r" {2,}", " "),
    ];
    varying.iter().fold(text.to_owned(), |text, (pattern, name)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *name).into_owned()
    })
}

/// Commits events in the database's outbox.
pub(crate) async fn write(
    database: &TestDatabase,
    publisher: &EventPublisher,
    events: impl IntoIterator<Item = DomainEvent>,
) -> Vec<Uuid> {
    let mut transaction = database.pool.begin().await.expect("a transaction");
    let ids = publisher.publish_all_in(&mut transaction, events).await.expect("they are written");
    transaction.commit().await.expect("the commit");
    ids
}

/// Moves all waiting events to the dead letters, as a relay does with events that the broker refuses for good.
pub(crate) async fn bury(database: &TestDatabase, reason: &str) {
    let sql = "WITH buried AS (DELETE FROM event_outbox RETURNING *)
        INSERT INTO event_outbox_dead_letters (event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
            payload, encoding, created_at, attempts, reason)
        SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at, 5,
            $1 FROM buried";
    sqlx::query(sql).bind(reason).execute(&database.pool).await.expect("they are buried");
}

/// An event with something in it that must not be shown without being asked for.
pub(crate) fn created(key: &str) -> DomainEvent {
    let data = serde_json::json!({"email": "hunter2@example.com", "plan": "free"});
    DomainEvent::new("user", key, "user_created").data(&data)
}

/// A report's entry for one check.
pub(crate) fn check(answer: &Answer, name: &str) -> Value {
    assert!(!answer.text.is_empty(), "doctor reported nothing: {answer:?}");
    let report = read(&answer.text);
    let found = report["checks"].as_array().expect("checks").iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name} in {report}")).clone()
}

pub(crate) fn assert_check(report: &Answer, name: &str, state: &str, found: &str, advice: &str) {
    let check = check(report, name);
    let text = |part: &str| check[part].as_str().unwrap_or_default().to_owned();
    assert!(text("state") == state && text("found").contains(found) && text("advice").contains(advice), "{check}");
}
