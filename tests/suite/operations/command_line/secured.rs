//! `doctor`, `tail` and `relay` at a broker that encrypts, asks who they are, and does not let everybody do everything.

use std::{fs, sync::Arc};

use marty_events::EventPublisher;
use marty_events_tests::{
    acls::{self, Operation},
    database::TestDatabase,
    kafka::prefix,
    secured_kafka::{
        LIMITED,
        Listener::{self, Misnamed, Sasl, SaslTls, Tls},
        SecuredKafka, TRUSTED,
    },
    wait,
};
use serde_json::Value;

use crate::support::operator::{Answer, Operator, assert_check, check, created, read, write};
use crate::support::service::config;

struct Site {
    kafka: Arc<SecuredKafka>,
    database: TestDatabase,
    publisher: EventPublisher,
    prefix: String,
}

impl Site {
    async fn start(test: &str) -> Option<Self> {
        let database = TestDatabase::create(test).await?;
        let kafka = SecuredKafka::shared(test)?;
        let prefix = prefix();
        let publisher = EventPublisher::new(&config(&kafka.open, &prefix)).expect("a publisher");
        Some(Self { kafka, database, publisher, prefix })
    }

    /// Somebody who knows the address of a listener, and its protocol.
    fn operator(&self, listener: Listener) -> Operator {
        Operator::of_database(&self.database)
            .with("EVENT_TOPIC_PREFIX", &self.prefix)
            .with("KAFKA_BROKERS", self.kafka.address(listener))
            .with("KAFKA_SECURITY_PROTOCOL", listener.protocol())
    }

    /// The same with a user's name and password.
    fn user(&self, listener: Listener, name: &str, password: &str) -> Operator {
        self.operator(listener)
            .with("KAFKA_SASL_MECHANISM", "PLAIN")
            .with("KAFKA_SASL_USERNAME", name)
            .with("KAFKA_SASL_PASSWORD", password)
    }

    /// All the commands that talk to the broker do their work.
    async fn works(&self, operator: &Operator) {
        let report = operator.run(&["doctor", "--json", "--timeout", "60s"]);
        assert_check(&report, "broker", "ok", "answers", "");
        assert_check(&report, "message-size", "ok", "no broker or topic has a lower limit", "");
        write(&self.database, &self.publisher, [created("u-1")]).await;
        let drained = operator.run(&["relay", "--drain"]);
        assert_eq!(drained.code, 0, "{drained:?}");
        let seen = operator.json(&["tail", "--no-follow", "--limit", "1"]);
        assert_eq!(seen.iter().map(|seen| &seen["key"]).collect::<Vec<_>>(), ["u-1"], "{seen:?}");
    }

    /// None of them reaches the broker, and each says why.
    fn fails(&self, operator: &Operator, found: &str, advice: &str) {
        let report = operator.run(&["doctor", "--json", "--timeout", "60s"]);
        assert_check(&report, "broker", "failed", found, advice);
        assert_eq!(check(&report, "topics")["state"], "skipped", "{report:?}");
        let tail = operator.run(&["tail", "--no-follow"]);
        assert_eq!(tail.code, 1, "{tail:?}");
        assert!(tail.complaint.contains(found) && tail.complaint.contains(advice), "{tail:?}");
        for Answer { text, complaint, .. } in [report, tail] {
            assert!(!format!("{text}{complaint}").contains(&self.kafka.password), "{text}{complaint}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_prove_themselves_with_a_password_within_tls() {
    let Some(site) = Site::start("commands_prove_themselves_with_a_password_within_tls").await else { return };
    let operator = site.user(SaslTls, TRUSTED, &site.kafka.password).with("KAFKA_SSL_CA_LOCATION", site.kafka.ca());
    site.works(&operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_connect_as_the_producer_is_told_to() {
    let Some(site) = Site::start("commands_connect_as_the_producer_is_told_to").await else { return };
    let authority = fs::read_to_string(site.kafka.ca()).expect("a certificate");
    site.works(&site.operator(Tls).with("KAFKA_PRODUCER_SSL_CA_PEM", authority)).await;
    let misnamed = site.operator(Misnamed).with("KAFKA_SSL_CA_LOCATION", site.kafka.ca());
    let unchecked = misnamed.with("KAFKA_PRODUCER_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM", "none");
    site.works(&unchecked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_security_settings_is_told() {
    let Some(site) = Site::start("what_is_wrong_with_the_security_settings_is_told").await else { return };
    let wrong = site.user(SaslTls, TRUSTED, "a wrong one").with("KAFKA_SSL_CA_LOCATION", site.kafka.ca());
    site.fails(&wrong, "does not accept the credentials", "KAFKA_SASL_PASSWORD");
    let stranger = site.operator(Tls).with("KAFKA_SSL_CA_LOCATION", site.kafka.wrong_ca());
    site.fails(&stranger, "certificate is not trusted", "KAFKA_SSL_CA_LOCATION");
    let misnamed = site.operator(Misnamed).with("KAFKA_SSL_CA_LOCATION", site.kafka.ca());
    site.fails(&misnamed, "certificate is not trusted", "by the name in its certificate");

    let plain = |listener| site.operator(listener).with("KAFKA_SECURITY_PROTOCOL", "plaintext");
    site.fails(&plain(Tls), "without TLS", "set KAFKA_SECURITY_PROTOCOL to ssl or sasl_ssl");
    site.fails(&plain(Sasl), "does not authenticate", "set KAFKA_SECURITY_PROTOCOL to sasl_plaintext");
    let encrypted = site.operator(Sasl).with("KAFKA_SECURITY_PROTOCOL", "ssl");
    site.fails(&encrypted, "does not speak TLS", "set KAFKA_SECURITY_PROTOCOL to plaintext or sasl_plaintext");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing_are_named() {
    let Some(site) = Site::start("rights_that_are_missing_are_named").await else { return };
    write(&site.database, &site.publisher, [created("u-1")]).await;
    let trusted = site.user(Sasl, TRUSTED, &site.kafka.password);
    assert_eq!(trusted.run(&["relay", "--drain"]).code, 0);
    let limited = site.user(Sasl, LIMITED, &site.kafka.password);
    let topic = format!("{}.suite.user.user_created", site.prefix);
    write(&site.database, &site.publisher, [created("u-2")]).await;

    let report = limited.run(&["doctor", "--json"]);
    assert_check(&report, "broker", "ok", "answers", "");
    assert_check(&report, "topics", "failed", &topic, "let the brokers' ACLs allow it DESCRIBE and WRITE");
    assert_check(&report, "message-size", "warning", "does not tell its limit", "DESCRIBE_CONFIGS");
    let unseen = limited.run(&["tail", &topic, "--no-follow"]);
    assert!(unseen.complaint.contains("there is no topic"), "{unseen:?}");

    // A user who may write to a topic sees it, and may not read it.
    acls::allow(&site.kafka.open, LIMITED, Operation::Write, &format!("{}.", site.prefix));
    wait::until("the rights", || async {
        let report = limited.run(&["doctor", "--json"]);
        (check(&report, "topics")["state"] != "failed").then_some(())
    })
    .await;
    let forbidden = limited.run(&["tail", &topic, "--no-follow"]);
    assert_eq!(forbidden.code, 1, "{forbidden:?}");
    assert!(forbidden.complaint.contains("READ"), "{forbidden:?}");

    // Reading needs no right to a group.
    acls::allow(&site.kafka.open, LIMITED, Operation::Read, &format!("{}.", site.prefix));
    let seen: Value = wait::until("the rights", || async {
        let seen = limited.run(&["tail", &topic, "--no-follow", "--json"]);
        (seen.code == 0).then(|| read(seen.text.trim()))
    })
    .await;
    assert_eq!(seen["key"], "u-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_prints_a_secret_at_any_level() {
    const COMMANDS: [&[&str]; 4] =
        [&["doctor", "--timeout", "60s"], &["relay", "--drain"], &["tail", "--no-follow"], &["dead-letters", "list"]];
    let Some(site) = Site::start("no_command_prints_a_secret_at_any_level").await else { return };
    let (_, credentials) = site.database.url.split_once("://").expect("a URL");
    let (credentials, _) = credentials.rsplit_once('@').expect("a user");
    let (_, of_database) = credentials.split_once(':').expect("a password");
    let talkative = |operator: Operator| {
        operator
            .with("KAFKA_SSL_CA_LOCATION", site.kafka.ca())
            .with("KAFKA_PRODUCER_SSL_KEY_PASSWORD", "s3cret-of-key")
            .with("KAFKA_PRODUCER_DEBUG", "all")
            .with("RUST_LOG", "trace")
    };
    let good = talkative(site.user(SaslTls, TRUSTED, &site.kafka.password));
    // A key that cannot be read: the client cannot even be made.
    let unmade = talkative(site.user(SaslTls, TRUSTED, &site.kafka.password))
        .with("KAFKA_PRODUCER_SSL_CERTIFICATE_PEM", "s3cret-of-certificate")
        .with("KAFKA_PRODUCER_SSL_KEY_PEM", "s3cret-of-key");
    let mut said = String::new();
    for (operator, arguments) in [&good, &unmade].into_iter().flat_map(|who| COMMANDS.map(|command| (who, command))) {
        let Answer { text, complaint, .. } = operator.run(arguments);
        said.extend([text, complaint]);
    }
    for secret in [site.kafka.password.as_str(), of_database, "s3cret"] {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret} is printed: {lines:#?}");
    }
    // The searched output is complete: it has the words of each part.
    for words in ["DEBUG sqlx::query", "sasl.password = [redacted]", "ssl.certificate.pem failed"] {
        assert!(said.contains(words), "`{words}` is missing: {said}");
    }
}
