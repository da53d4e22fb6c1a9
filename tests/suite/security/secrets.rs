//! No secret is printed, for any fault and at any level of the logs.

use std::process::{Command, Output};

use marty_events_tests::{
    database::TestDatabase,
    kafka::prefix,
    secured_kafka::{
        Listener::{self, Sasl, SaslTls},
        SecuredKafka, TRUSTED,
    },
};

/// The variables that tell secrets, and the secrets.
const SECRETS: [(&str, &str); 4] = [
    ("SECRET_HOLDER_SECRET", "s3cret-of-faults"),
    ("KAFKA_PRODUCER_SSL_KEY_PASSWORD", "s3cret-of-key"),
    ("KAFKA_PRODUCER_SSL_KEYSTORE_PASSWORD", "s3cret-of-keystore"),
    ("KAFKA_PRODUCER_SASL_OAUTHBEARER_CONFIG", "principal=s3cret-of-tokens"),
];

/// The output of `secret_holder` with this password for Kafka and this URL of the database.
fn said(kafka: &SecuredKafka, listener: Listener, password: &str, database: &str) -> String {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_secret_holder"))
        .envs(SECRETS)
        .env("SERVICE_NAME", "secret-holder")
        .env("EVENT_TOPIC_PREFIX", prefix())
        .env("KAFKA_BROKERS", kafka.address(listener))
        .env("KAFKA_SECURITY_PROTOCOL", listener.protocol())
        .env("KAFKA_SASL_MECHANISM", "PLAIN")
        .env("KAFKA_SASL_USERNAME", TRUSTED)
        .env("KAFKA_SASL_PASSWORD", password)
        .envs((listener == SaslTls).then(|| ("KAFKA_SSL_CA_LOCATION", kafka.ca())))
        .env("KAFKA_PRODUCER_DEBUG", "all")
        .env("KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS", "2000")
        .env("DATABASE_URL", database)
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{said}");
    for secret in SECRETS.iter().map(|(_, secret)| secret.trim_start_matches("principal=")).chain([password]) {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret} is printed: {lines:#?}");
    }
    said
}

#[tokio::test]
async fn no_secret_is_printed_at_any_level() {
    let test = "no_secret_is_printed_at_any_level";
    let Some(database) = TestDatabase::create(test).await else { return };
    let Some(kafka) = SecuredKafka::shared(test) else { return };
    let (scheme, place) = database.url.split_once("://").expect("a URL");
    let (credentials, place) = place.rsplit_once('@').expect("a user");
    let (user, password) = credentials.split_once(':').expect("a password");

    let good = said(&kafka, SaslTls, &kafka.password, &database.url);
    assert!(!good.contains(password), "the database's password is printed");
    let wrong_url = format!("{scheme}://{user}:s3cret-of-database@{place}?application_name=secret-holder");
    let bad = said(&kafka, Sasl, "s3cret-of-kafka", &wrong_url);
    assert!(!bad.contains("s3cret"), "{:#?}", bad.lines().filter(|line| line.contains("s3cret")).collect::<Vec<_>>());

    // The searched output is complete: it has the words of each part.
    for (said, words) in [
        (good, ["published ", "sasl.password = [redacted]", "TRACE", "log TRACE rdkafka"]),
        (bad, ["Authentication failed", "password authentication failed", "sasl.password = [redacted]", "panicked at"]),
    ] {
        for word in words {
            assert!(said.contains(word), "`{word}` is missing: {said}");
        }
    }
}
