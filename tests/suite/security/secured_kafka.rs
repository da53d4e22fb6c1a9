//! TLS, SASL and access lists: the proofs to the brokers, and by them, on both routes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use marty_events::{
    CancellationToken, CustomEvent, DomainEvent, EventConfigBuilder, EventError, EventPublisher, OutboxRelay,
    OutboxRepository,
};
use marty_events_tests::{
    acls::{self, Operation},
    database::TestDatabase,
    kafka::{Reader, prefix},
    logs::Lines,
    printed,
    secured_kafka::{
        LIMITED,
        Listener::{self, Misnamed, Sasl, SaslTls, Tls},
        NEWCOMER, SecuredKafka, TRUSTED,
    },
    wait,
};
use tracing::level_filters::LevelFilter;

use crate::support::{events::exported, kafka_connect::Connect, service::RunningRelay};

/// The time that a direct event waits for a broker that does not take it.
const PATIENCE: Duration = Duration::from_secs(3);

struct Trial {
    kafka: Arc<SecuredKafka>,
    database: TestDatabase,
    outbox: OutboxRepository,
    reader: Reader,
    prefix: String,
}

impl Trial {
    async fn start(test: &str) -> Option<Self> {
        let database = TestDatabase::create(test).await?;
        let kafka = SecuredKafka::shared(test)?;
        let prefix = prefix();
        let reader = Reader::start(&kafka.open, &prefix);
        Some(Self { outbox: OutboxRepository::new(&database.pool), kafka, database, reader, prefix })
    }

    fn client(&self, listener: Listener) -> EventConfigBuilder {
        let client = self.kafka.client(listener).topic_prefix(&self.prefix);
        if listener == Sasl { client } else { client.ssl_ca_location(self.kafka.ca()) }
    }

    fn as_user(&self, listener: Listener, mechanism: &str, user: &str) -> EventConfigBuilder {
        self.client(listener).sasl(mechanism, user, &self.kafka.password)
    }

    fn relay(&self, client: &EventConfigBuilder) -> marty_events::OutboxRelayBuilder {
        OutboxRelay::builder(&self.database.pool)
            .config(client.clone().build().expect("a configuration"))
            .lease_time(wait::patient(Duration::from_secs(1)))
            .drain_time(Duration::from_millis(100))
    }

    /// One that waits for the broker as long as a test does.
    fn publisher(client: &EventConfigBuilder) -> EventPublisher {
        Self::publisher_with(client, wait::patient(wait::DEADLINE))
    }

    fn publisher_with(client: &EventConfigBuilder, patience: Duration) -> EventPublisher {
        let patience = patience.as_millis().to_string();
        let config = client.clone().producer_property("message.timeout.ms", patience).build();
        EventPublisher::new(&config.expect("a configuration")).expect("a publisher")
    }

    async fn write(&self, publisher: &EventPublisher) -> String {
        let mut transaction = self.database.pool.begin().await.expect("a transaction");
        let written = publisher.publish_in(&mut transaction, DomainEvent::new("user", "u-1", "created")).await;
        transaction.commit().await.expect("the commit");
        written.expect("it is written").to_string()
    }

    /// Both routes lead to the broker.
    async fn passes(&self, client: &EventConfigBuilder) {
        let publisher = Self::publisher(client);
        let direct = publisher.publish(exported()).await.expect("it is delivered").to_string();
        let written = self.write(&publisher).await;
        let relay = RunningRelay::start(self.relay(client));
        self.arrive(&[direct, written]).await;
        relay.stop().await;
    }

    async fn arrive(&self, ids: &[String]) {
        wait::until("the events", || async {
            let records = self.reader.records();
            ids.iter().all(|id| records.iter().any(|record| record.id() == Some(id))).then_some(())
        })
        .await;
    }

    /// Neither route leads to the broker; both say why in `words`, in time, and lose nothing.
    async fn fails(&self, client: &EventConfigBuilder, words: &[&str]) {
        // The machine may be less busy at the end than it is now.
        let patience = wait::patient(PATIENCE);
        let publisher = Self::publisher_with(client, patience);
        // A broker that has just started may not have come to the reason within one call's time.
        let mut said = String::new();
        let tries = Instant::now();
        while !has_all(&said, words) {
            wait::assert_within(tries, wait::DEADLINE, format_args!("an error with {words:?}, after {said}"));
            let begin = Instant::now();
            let error = publisher.publish(exported()).await.expect_err("it cannot be delivered");
            wait::assert_within(begin, patience + Duration::from_secs(3), "the error");
            assert!(matches!(error, EventError::Delivery { .. }) && error.is_retryable(), "{error:?}");
            said = error.to_string();
        }

        let keeping = Self::publisher_with(&client.clone().database_url(&self.database.url), patience);
        let kept = keeping.publish(exported()).await.expect("the outbox keeps it").to_string();
        let written = self.write(&publisher).await;
        let lines = Lines::default();
        let relay = RunningRelay::start_under(self.relay(client), lines.of(LevelFilter::INFO));
        wait::within(Duration::from_secs(20), format_args!("the relay's reason, with {words:?}"), || async {
            let lines = lines.text();
            let mut of_the_broker = lines.lines().filter(|line| line.contains("dependency=\"broker\""));
            of_the_broker.any(|line| has_all(line, words)).then_some(())
        })
        .await;
        relay.stop().await;
        let waiting = self.outbox.pending(9).await.expect("the backlog");
        let attempts: Vec<_> = waiting.iter().map(|event| (event.event_id.to_string(), event.attempts)).collect();
        assert_eq!(attempts, [(kept, 0), (written, 0)], "both wait, and nothing counts against them");
        assert_eq!(self.reader.records().len(), 0, "nothing arrived");

        // A relay with the right configuration delivers everything.
        let relay = RunningRelay::start(self.relay(&self.as_user(SaslTls, "PLAIN", TRUSTED)));
        self.reader.events(2).await;
        relay.stop().await;
    }
}

fn has_all(text: &str, words: &[&str]) -> bool {
    words.iter().all(|word| text.contains(word))
}

fn says(text: &str, words: &[&str]) {
    assert!(has_all(text, words), "one of {words:?} is missing: {text}");
}

#[tokio::test]
async fn brokers_with_a_certificate_of_the_right_authority_are_trusted() {
    let Some(trial) = Trial::start("brokers_with_a_certificate_of_the_right_authority_are_trusted").await else {
        return;
    };
    trial.passes(&trial.client(Tls)).await;
}

#[tokio::test]
async fn brokers_with_a_certificate_of_another_authority_are_not() {
    let Some(trial) = Trial::start("brokers_with_a_certificate_of_another_authority_are_not").await else { return };
    let client = trial.client(Tls).ssl_ca_location(trial.kafka.wrong_ca());
    trial.fails(&client, &["certificate verify failed", "KAFKA_SSL_CA_LOCATION"]).await;
}

#[tokio::test]
async fn brokers_with_a_certificate_for_another_host_are_not() {
    let Some(trial) = Trial::start("brokers_with_a_certificate_for_another_host_are_not").await else { return };
    trial.fails(&trial.client(Misnamed), &["certificate verify failed", "KAFKA_BROKERS"]).await;
}

#[tokio::test]
async fn a_client_without_tls_is_told_what_to_set() {
    let Some(trial) = Trial::start("a_client_without_tls_is_told_what_to_set").await else { return };
    let client = trial.kafka.client(Tls).topic_prefix(&trial.prefix).security_protocol("plaintext");
    trial.fails(&client, &["check KAFKA_SECURITY_PROTOCOL"]).await;
}

#[tokio::test]
async fn a_client_without_sasl_is_told_what_to_set() {
    let Some(trial) = Trial::start("a_client_without_sasl_is_told_what_to_set").await else { return };
    let client = trial.client(Sasl).security_protocol("plaintext");
    trial.fails(&client, &["KAFKA_SECURITY_PROTOCOL"]).await;
}

#[tokio::test]
async fn the_right_password_is_taken_by_every_mechanism() {
    let Some(trial) = Trial::start("the_right_password_is_taken_by_every_mechanism").await else { return };
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for listener in [Sasl, SaslTls] {
            trial.passes(&trial.as_user(listener, mechanism, TRUSTED)).await;
        }
    }
}

async fn a_wrong_password_is_refused(test: &str, mechanism: &str) {
    let Some(trial) = Trial::start(test).await else { return };
    let client = trial.client(SaslTls).sasl(mechanism, TRUSTED, "a wrong one");
    trial.fails(&client, &["Authentication failed", "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"]).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_plain() {
    a_wrong_password_is_refused("a_wrong_password_is_refused_by_plain", "PLAIN").await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_scram_sha_256() {
    a_wrong_password_is_refused("a_wrong_password_is_refused_by_scram_sha_256", "SCRAM-SHA-256").await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_scram_sha_512() {
    a_wrong_password_is_refused("a_wrong_password_is_refused_by_scram_sha_512", "SCRAM-SHA-512").await;
}

#[tokio::test]
async fn the_documented_rights_on_topics_suffice() {
    let Some(trial) = Trial::start("the_documented_rights_on_topics_suffice").await else { return };
    let client = trial.as_user(SaslTls, "PLAIN", LIMITED);
    acls::allow(&trial.kafka.open, LIMITED, Operation::Write, &format!("{}.", trial.prefix));
    acls::allow(&trial.kafka.open, LIMITED, Operation::Create, &format!("{}.", trial.prefix));
    // The brokers learn of rights a moment after they were given.
    wait::until("the rights", || async { Trial::publisher(&client).publish(exported()).await.ok() }).await;
    trial.passes(&client).await;
}

/// The same by the commands that docs/security.md prints, run by Kafka's own tool.
#[tokio::test]
async fn the_printed_commands_give_the_rights() {
    let test = "the_printed_commands_give_the_rights";
    let (Some(trial), Some(kafka)) = (Trial::start(test).await, Connect::find(test)) else { return };
    let client = trial.as_user(SaslTls, "PLAIN", LIMITED);
    Trial::publisher(&client).publish(exported()).await.expect_err("it has no rights yet");
    let commands = printed::all("docs/security.md", "sh").into_iter().find(|it| it.text.contains("kafka-acls"));
    let commands = printed::with(&commands.expect("the commands").text, "users-service", LIMITED);
    let commands = printed::with(&commands, "--topic marty.", &format!("--topic {}.", trial.prefix));
    let commands =
        printed::with(&commands, "--bootstrap-server ...", &format!("--bootstrap-server {}", trial.kafka.open));
    let tool = format!("kafka-acls() {{ {} org.apache.kafka.tools.AclCommand \"$@\"; }}", kafka.shell());
    let given = tokio::process::Command::new("bash").args(["-euc", &format!("{tool}\n{commands}")]).output().await;
    let given = given.expect("bash runs");
    assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    wait::until("the rights", || async { Trial::publisher(&client).publish(exported()).await.ok() }).await;
    trial.passes(&client).await;
}

#[tokio::test]
async fn a_topic_that_may_not_be_written_to_holds_up_no_other() {
    let Some(trial) = Trial::start("a_topic_that_may_not_be_written_to_holds_up_no_other").await else { return };
    let client = trial.as_user(Sasl, "PLAIN", LIMITED);
    let open = format!("{}.suite.", trial.prefix);
    acls::allow(&trial.kafka.open, LIMITED, Operation::Write, &open);
    acls::allow(&trial.kafka.open, LIMITED, Operation::Create, &open);
    let publisher = Trial::publisher(&client);
    let note = |topic: &str, key: usize| CustomEvent::new(topic, "noted").key(key);
    wait::until("the rights", || async { publisher.publish(note("suite.first", 0)).await.ok() }).await;

    let error = publisher.publish(note("closed", 0)).await.expect_err("it may not be written to");
    assert!(!error.is_retryable(), "{error:?}");
    says(&format!("{error:?}"), &["TopicAuthorizationFailed", &format!("{}.closed", trial.prefix)]);
    publisher.publish(note("suite.second", 0)).await.expect("the publisher works on");

    let mut transaction = trial.database.pool.begin().await.unwrap();
    let events = (0..40).map(|key| note(if key % 2 == 0 { "suite.third" } else { "closed" }, key));
    publisher.publish_all_in(&mut transaction, events).await.unwrap();
    transaction.commit().await.unwrap();
    let begin = Instant::now();
    let relay = trial.relay(&client).max_attempts(2).retry_delay(Duration::from_millis(50));
    let relay = RunningRelay::start(relay);
    trial.reader.events(22).await;
    wait::assert_within(begin, Duration::from_secs(15), "the others wait for nothing");
    wait::until("the dead letters", || async { (trial.outbox.stats().await.ok()?.dead == 20).then_some(()) }).await;
    relay.stop().await;
    let dead = trial.outbox.dead_letters(99).await.unwrap();
    // One of them was tried for the topic, and the others once when that was given up.
    let mut attempts: Vec<i32> = dead.iter().map(|dead| dead.event.attempts).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [vec![1; 19], vec![2]].concat());
    for dead in &dead {
        assert_eq!(dead.event.topic, format!("{}.closed", trial.prefix));
        says(&dead.reason, &["TopicAuthorizationFailed"]);
    }

    // The right is given, and the dead letters are brought back.
    acls::allow(&trial.kafka.open, LIMITED, Operation::Write, &format!("{}.closed", trial.prefix));
    acls::allow(&trial.kafka.open, LIMITED, Operation::Create, &format!("{}.closed", trial.prefix));
    let ids: Vec<_> = dead.iter().map(|dead| dead.event.event_id).collect();
    assert_eq!(trial.outbox.requeue(&ids).await.unwrap(), 20);
    let relay = RunningRelay::start(trial.relay(&client).give_up(false));
    trial.reader.events(42).await;
    relay.stop().await;
}

#[tokio::test]
async fn a_check_that_is_turned_off_is_warned_of() {
    let Some(trial) = Trial::start("a_check_that_is_turned_off_is_warned_of").await else { return };
    let client = trial.client(Misnamed).producer_property("ssl.endpoint.identification.algorithm", "none");
    trial.passes(&client).await;
    let lines = Lines::default();
    let relay = RunningRelay::start_under(trial.relay(&client), lines.of(LevelFilter::WARN));
    wait::until("the warning", || async { lines.text().contains("are not verified").then_some(()) }).await;
    relay.stop().await;
}

#[tokio::test]
async fn a_publisher_that_was_denied_everything_works_on_once_it_is_allowed() {
    let test = "a_publisher_that_was_denied_everything_works_on_once_it_is_allowed";
    let Some(trial) = Trial::start(test).await else { return };
    let client = trial.as_user(Sasl, "PLAIN", NEWCOMER);
    let publisher = Trial::publisher(&client);
    let written = trial.write(&publisher).await;
    let error = publisher.publish(exported()).await.expect_err("it may do nothing");
    says(&format!("{error:?}"), &["uthorization"]);
    let relay = RunningRelay::start(trial.relay(&client).give_up(false));
    publisher.publish(exported()).await.expect_err("it may do nothing");

    let topics = format!("{}.", trial.prefix);
    acls::allow(&trial.kafka.open, NEWCOMER, Operation::Write, &topics);
    acls::allow(&trial.kafka.open, NEWCOMER, Operation::Create, &topics);
    let direct = wait::until("the rights", || async { publisher.publish(exported()).await.ok() }).await.to_string();
    trial.arrive(&[direct, written]).await;
    relay.stop().await;
}

#[tokio::test]
async fn a_relay_that_can_make_no_producer_leaves_the_lanes_to_others_until_it_can() {
    let test = "a_relay_that_can_make_no_producer_leaves_the_lanes_to_others_until_it_can";
    let Some(trial) = Trial::start(test).await else { return };
    let pool = &trial.database.pool;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let put = || std::fs::copy(trial.kafka.ca(), &ca).map(drop).unwrap();
    put();
    let client = trial.client(Tls).ssl_ca_location(ca.display().to_string());
    let publisher = Trial::publisher(&trial.client(Tls));
    let first = trial.write(&publisher).await;
    let lines = Lines::default();
    let relay = RunningRelay::start_under(trial.relay(&client), lines.of(LevelFilter::INFO));
    trial.arrive(&[first]).await;

    std::fs::remove_file(&ca).unwrap();
    // As if another relay had been at work between.
    sqlx::query("UPDATE event_outbox_lanes SET term = term + 1, owner = NULL").execute(pool).await.unwrap();
    let count = |words: &str| {
        let lines = lines.text();
        lines.lines().filter(|line| line.contains("dependency=\"broker\"") && line.contains(words)).count()
    };
    wait::until("the reason", || async { (count("ssl.ca.location") == 1).then_some(()) }).await;
    let owned = "SELECT count(*) FROM event_outbox_lanes WHERE owner IS NOT NULL";
    let owned = async || sqlx::query_scalar::<_, i64>(owned).fetch_one(pool).await.ok();
    wait::until("free lanes", || async { (owned().await? == 0).then_some(()) }).await;
    // A relay that can send does, and nobody disturbs it.
    let other_lines = Lines::default();
    let other = RunningRelay::start_under(trial.relay(&trial.client(Tls)), other_lines.of(LevelFilter::INFO));
    let second = trial.write(&publisher).await;
    trial.arrive(&[second]).await;
    let renewed = "SELECT count(*) FROM event_outbox_lanes JOIN event_outbox_relays ON relay = owner
        WHERE expires_at > $1::timestamptz + interval '4 s'";
    let now: String =
        sqlx::query_scalar("SELECT max(expires_at)::text FROM event_outbox_relays").fetch_one(pool).await.unwrap();
    wait::until("leases that are renewed again and again", || async {
        (sqlx::query_scalar::<_, i64>(renewed).bind(&now).fetch_one(pool).await.ok()? == 16).then_some(())
    })
    .await;
    assert_eq!(other_lines.text().matches("relay gives lanes").count(), 0, "{}", other_lines.text());
    other.stop().await;

    put();
    let third = trial.write(&publisher).await;
    trial.arrive(&[third]).await;
    assert_eq!((count("cannot reach the"), count("reached the")), (1, 1), "{}", lines.text());
    relay.stop().await;
}

#[tokio::test]
async fn a_relay_that_can_make_no_producer_from_the_start_says_so_and_disturbs_no_other() {
    let test = "a_relay_that_can_make_no_producer_from_the_start_says_so_and_disturbs_no_other";
    let Some(trial) = Trial::start(test).await else { return };
    let ca = tempfile::NamedTempFile::new().unwrap();
    let client = trial.client(Tls).ssl_ca_location(ca.path().display().to_string());
    let relay = trial.relay(&client).build().unwrap();
    drop(ca);
    let ended = wait::answer(wait::DEADLINE, "it waits for nothing", relay.run(CancellationToken::new()));
    let error = ended.await.expect_err("it cannot work");
    says(&format!("{error:?}"), &["ssl.ca.location"]);
    assert_eq!(trial.outbox.relays().await.unwrap(), [], "nobody makes way for it");
}
