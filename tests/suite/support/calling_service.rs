//! A service in a process of its own, which calls one annotated method once; its databases, its topics, and its event's fate. Its
//! publisher is the process's own, as annotated methods need it.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use marty_events::{EventConfig, OutboxRelay, OutboxRepository, outbox::PendingEvent};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, Record, prefix},
    servers, topics, wait,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    task::JoinHandle,
};

use crate::support::service::RunningRelay;

/// Stands in the events' data, and so in no log.
const SECRET: &str = "4929-1234-5678-9010";

/// The topics of the methods' events.
const TOPICS: [&str; 2] = ["audit.events", "calling-service.account.opened_failed"];

/// A database with a table `accounts`, and topics.
pub(crate) struct Fixture {
    pub(crate) brokers: String,
    pub(crate) database: TestDatabase,
    pub(crate) prefix: String,
}

impl Fixture {
    /// Nothing, after reporting `test` as skipped, where a server is missing.
    pub(crate) async fn new(test: &str) -> Option<Self> {
        let brokers = servers::kafka(test)?;
        let database = TestDatabase::create(test).await?;
        sqlx::query("CREATE TABLE accounts (id text PRIMARY KEY)").execute(&database.pool).await.expect("a table");
        Some(Self { brokers, database, prefix: prefix() })
    }

    /// The same, with a broker that refuses the events.
    pub(crate) async fn refusing(test: &str) -> Option<Self> {
        let fixture = Self::new(test).await?;
        for topic in TOPICS {
            topics::create(&fixture.brokers, &format!("{}.{topic}", fixture.prefix), 100).await;
        }
        Some(fixture)
    }

    /// The broker refuses no more.
    pub(crate) async fn relent(&self) {
        for topic in TOPICS {
            topics::widen(&self.brokers, &format!("{}.{topic}", self.prefix), 1_000_000).await;
        }
    }

    /// A service without an outbox for its direct events, and with a transaction in the database.
    pub(crate) fn caller(&self, method: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_calling_service"));
        command
            .env_remove("DATABASE_URL")
            .env("KAFKA_BROKERS", &self.brokers)
            .env("SERVICE_NAME", "calling-service")
            .env("EVENT_TOPIC_PREFIX", &self.prefix)
            .env("CALLING_SERVICE_METHOD", method)
            .env("CALLING_SERVICE_ID", "account-1")
            .env("CALLING_SERVICE_DATABASE", &self.database.url)
            .env("CALLING_SERVICE_WORK", "INSERT INTO accounts VALUES ('account-1')");
        command
    }

    /// A service that keeps events in the outbox that the broker does not take.
    pub(crate) fn keeping_caller(&self, method: &str) -> Command {
        let mut command = self.caller(method);
        command.env("DATABASE_URL", &self.database.url);
        command
    }

    /// The events in the outbox.
    pub(crate) async fn kept(&self) -> Vec<PendingEvent> {
        OutboxRepository::new(&self.database.pool).pending(100).await.expect("the outbox")
    }

    /// The number of records in Kafka.
    pub(crate) async fn delivered(&self) -> i64 {
        topics::records(&self.brokers, &self.prefix).await
    }

    /// The number of accounts that were committed.
    pub(crate) async fn accounts(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM accounts").fetch_one(&self.database.pool);
        count.await.expect("the accounts")
    }

    /// Waits until Kafka has `count` events, and answers each of its records once: a reader that finds another topic begins
    /// anew.
    pub(crate) async fn read(&self, count: usize) -> Vec<Record> {
        let mut records = Reader::start(&self.brokers, &self.prefix).events(count).await;
        records.sort_by(|one, other| (&one.topic, one.place).cmp(&(&other.topic, other.place)));
        records.dedup_by(|one, other| (&one.topic, one.place) == (&other.topic, other.place));
        records
    }

    /// Relays the outbox until nothing is left, and asserts that each of `kept` is in Kafka once.
    pub(crate) async fn relay(&self, kept: &[PendingEvent]) {
        self.relay_from(&OutboxRepository::new(&self.database.pool), OutboxRelay::builder(&self.database.pool), kept)
            .await;
    }

    pub(crate) async fn relay_from(
        &self,
        outbox: &OutboxRepository,
        relay: marty_events::OutboxRelayBuilder,
        kept: &[PendingEvent],
    ) {
        let config =
            EventConfig::builder().service_name("calling-service").brokers(&self.brokers).topic_prefix(&self.prefix);
        let relay = RunningRelay::start(relay.config(config.build().expect("a valid configuration")));
        wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
        relay.stop().await;
        let mut read: Vec<_> = self.read(kept.len()).await.iter().filter_map(|it| it.id().map(str::to_owned)).collect();
        read.sort_unstable();
        let mut ids: Vec<_> = kept.iter().map(|event| event.event_id.to_string()).collect();
        ids.sort_unstable();
        assert_eq!(read, ids, "once, with the ids they had");
        assert_eq!(outbox.stats().await.expect("the outbox").dead, 0);
    }
}

/// The method's answer.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Answer {
    /// `ok`, `own` (the method's own error), `event` (`From<EventError>`), `database`.
    pub(crate) kind: String,
    pub(crate) text: String,
    milliseconds: u64,
}

/// A service whose method has answered, and which holds its transaction.
pub(crate) struct Caller {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: JoinHandle<String>,
    pub(crate) answer: Answer,
}

impl Caller {
    /// Starts the service, and waits for the method's answer.
    pub(crate) async fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut errors = child.stderr.take().expect("piped");
        let log = tokio::spawn(async move {
            let mut log = String::new();
            errors.read_to_string(&mut log).await.expect("text");
            log
        });
        let Some(line) = line(&mut lines).await else { panic!("no answer: {}", log.await.unwrap_or_default()) };
        let answer: Answer = serde_json::from_str(&line).expect("an answer");
        let limit = wait::patient(Duration::from_secs(10));
        assert!(Duration::from_millis(answer.milliseconds) < limit, "the caller waited too long: {answer:?}");
        Self { child, lines, log, answer }
    }

    /// Lets the caller end its transaction and shut down.
    pub(crate) async fn end(mut self) -> End {
        drop(self.child.stdin.take());
        let counts = line(&mut self.lines).await;
        let status = wait::answer(wait::DEADLINE, "an end", self.child.wait()).await.expect("a status");
        let log = self.log.await.expect("a log");
        assert!(status.success(), "{log}");
        assert!(!log.contains(SECRET), "the payload is in the log: {log}");
        End { counts: serde_json::from_str(&counts.expect("the counts")).expect("counts"), log }
    }
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    wait::answer(wait::DEADLINE, "a line", lines.next_line()).await.expect("text")
}

/// The counts and the log that a service leaves behind.
pub(crate) struct End {
    counts: BTreeMap<String, u64>,
    log: String,
}

impl End {
    /// Asserts that `count` events of any kind were counted by `route` and `outcome`, and none by others.
    pub(crate) fn assert_counted(&self, route: &str, outcome: &str, count: u64) {
        let mut counts = BTreeMap::new();
        for (name, count) in self.counts.iter().filter(|(_, count)| 0 < **count) {
            let [name, _, kind, route, outcome] = name.split(' ').collect::<Vec<_>>()[..] else { panic!("{name}") };
            assert!(["audit", "domain"].contains(&kind), "what the methods publish: {name} {kind}");
            *counts.entry((name, route, outcome)).or_insert(0) += count;
        }
        assert_eq!(counts, BTreeMap::from([(("marty_events_published_total", route, outcome), count)]));
    }

    /// Asserts that `message` was logged as an error.
    pub(crate) fn assert_error(&self, message: &str) {
        let logged = self.log.lines().any(|line| line.contains(" ERROR ") && line.contains(message));
        assert!(logged, "no error says `{message}`: {}", self.log);
    }

    /// Asserts that `message` was logged `times` times as an error, and no error besides.
    pub(crate) fn assert_errors(&self, message: &str, times: usize) {
        let errors: Vec<_> = self.log.lines().filter(|line| line.contains(" ERROR ")).collect();
        assert_eq!(errors.len(), times, "{errors:#?}");
        assert!(errors.iter().all(|line| line.contains(message)), "{errors:#?}");
    }
}
