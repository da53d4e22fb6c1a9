//! Every variable: its default, good values, bad values. The process's environment is left alone.

use std::ffi::OsString;

use super::*;

fn environment(pairs: &[(&str, &str)]) -> Values {
    let pairs = pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Values::from_environment(std::iter::once(("SERVICE_NAME".into(), "users".into())).chain(pairs))
}

fn good(pairs: &[(&str, &str)]) -> EventConfig {
    read::read(&environment(pairs)).unwrap()
}

/// The variables with faults.
fn bad(pairs: &[(&str, &str)]) -> Vec<String> {
    let error = read::read(&environment(pairs)).expect_err(&format!("{pairs:?} must be refused"));
    for fault in error.faults() {
        assert!(!fault.problem.is_empty() && !fault.accepted.is_empty(), "{fault}");
    }
    error.faults().iter().map(|fault| fault.variable.clone()).collect()
}

#[test]
fn defaults() {
    let config = good(&[]);
    assert_eq!(config.service_name(), "users");
    assert_eq!(config.brokers(), &Brokers::List("localhost:9092".to_owned()));
    assert_eq!(config.topic_prefix(), "marty");
    assert_eq!(config.outbox_table().to_string(), "event_outbox");
    assert_eq!(config.source().service.version, "0.0.0");
    assert_eq!(config.outbox_name(), None);
    assert_eq!(config.source().domain_topic, TopicPattern::default());
    assert_eq!(config.shutdown_timeout(), Duration::from_secs(10));
    assert_eq!(config.database_url(), None);
    assert!(config.uses_outbox() && config.source().tracing && config.counts());
    assert_eq!(config.producer_properties().count(), 0);
}

#[test]
fn what_is_given_is_taken() {
    let config = good(&[
        ("SERVICE_VERSION", "2.1"),
        ("KAFKA_BROKERS", " a:1 , [::1]:9092,b-2.example:65535"),
        ("EVENT_TOPIC_PREFIX", ""),
        ("EVENT_DOMAIN_TOPIC", "{service}.{aggregate}"),
        ("EVENT_SCHEMA_BASE_URL", "https://schemas.example.com:8443/events/"),
        ("EVENT_OUTBOX_TABLE", "ledger.outbox"),
        ("EVENT_OUTBOX_NAME", " the ledger's "),
        ("EVENT_SHUTDOWN_TIMEOUT", "2.5"),
        ("ENABLE_EVENT_TRACING", "OFF"),
        ("ENABLE_EVENT_METRICS", "no"),
        ("USE_OUTBOX_PATTERN", "false"),
        ("EVENT_ALLOW_DUAL_WRITE", "true"),
        ("KAFKA_PRODUCER_LINGER_MS", "7"),
        ("KAFKA_UNRELATED", "of another program"),
    ]);
    assert_eq!(config.brokers(), &Brokers::List("a:1,[::1]:9092,b-2.example:65535".to_owned()));
    assert_eq!(config.topic_prefix(), "");
    assert_eq!(config.source().schema_base_url.as_deref(), Some("https://schemas.example.com:8443/events"));
    assert_eq!(config.outbox_table().to_string(), "ledger.outbox");
    assert_eq!(config.outbox_name(), Some("the ledger's"));
    assert_eq!(config.shutdown_timeout(), Duration::from_millis(2500));
    assert!(!config.uses_outbox() && !config.source().tracing && !config.counts());
    assert_eq!(config.producer_properties().collect::<Vec<_>>(), [("linger.ms", "7")]);
}

#[test]
fn each_bad_value_is_a_fault_of_its_variable() {
    let long = "x".repeat(250);
    for (name, value) in [
        ("SERVICE_NAME", ""),
        ("SERVICE_NAME", "user service"),
        ("SERVICE_NAME", long.as_str()),
        ("KAFKA_BROKERS", "localhost"),
        ("KAFKA_BROKERS", "localhost:0"),
        ("KAFKA_BROKERS", "localhost:65536"),
        ("KAFKA_BROKERS", "a:1,,b:2"),
        ("KAFKA_BROKERS", ":9092"),
        ("KAFKA_BROKERS", "::1:9092"),
        ("EVENT_TOPIC_PREFIX", "a b"),
        ("EVENT_TOPIC_PREFIX", "Prod"),
        ("EVENT_TOPIC_PREFIX", "prod."),
        ("EVENT_TOPIC_PREFIX", ".prod"),
        ("EVENT_TOPIC_PREFIX", "prod..eu"),
        ("EVENT_DOMAIN_TOPIC", "{aggregate}."),
        ("EVENT_DOMAIN_TOPIC", ".{aggregate}"),
        ("EVENT_DOMAIN_TOPIC", "{service}..{aggregate}"),
        ("SERVICE_NAME", "users."),
        ("EVENT_SHUTDOWN_TIMEOUT", "inf"),
        ("EVENT_SHUTDOWN_TIMEOUT", "nan"),
        ("EVENT_DOMAIN_TOPIC", "{service}"),
        ("EVENT_DOMAIN_TOPIC", "{aggregate}.{kind}"),
        ("EVENT_DOMAIN_TOPIC", "{aggregate}/x"),
        ("EVENT_SCHEMA_BASE_URL", "schemas.example.com"),
        ("EVENT_SCHEMA_BASE_URL", "ftp://schemas.example.com"),
        ("EVENT_SCHEMA_BASE_URL", "https://"),
        ("EVENT_SCHEMA_BASE_URL", "https:///events"),
        ("EVENT_SCHEMA_BASE_URL", "https://:8443/events"),
        ("EVENT_SCHEMA_BASE_URL", "https://me:secret@schemas.example.com"),
        ("EVENT_SCHEMA_BASE_URL", "https://schemas.example.com/?version="),
        ("EVENT_SCHEMA_BASE_URL", "https://schemas.example.com/#"),
        ("EVENT_SCHEMA_BASE_URL", "https://schemas.example.com/a b"),
        ("EVENT_SCHEMA_BASE_URL", "https://schemas.example.com/ü"),
        ("EVENT_OUTBOX_TABLE", "a.b.c"),
        ("EVENT_OUTBOX_TABLE", "outbox; DROP TABLE users"),
        ("EVENT_OUTBOX_TABLE", "1st"),
        ("EVENT_OUTBOX_NAME", "us\ners"),
        ("EVENT_SHUTDOWN_TIMEOUT", "soon"),
        ("EVENT_SHUTDOWN_TIMEOUT", "-1"),
        ("ENABLE_EVENT_TRACING", "maybe"),
        ("ENABLE_EVENT_METRICS", "2"),
        ("EVENT_ALLOW_DUAL_WRITE", "maybe"),
        ("USE_OUTBOX_PATTERN", "false"),
        ("DATABASE_URL", "oracle://db"),
        ("DATABASE_URL", "postgres://me:secret@[::x]:5432/users"),
        ("DATABASE_URL", "postgres://[127.0.0.1]/users"),
        ("DATABASE_URL", "postgres://me@[::1"),
        ("KAFKA_SECURITY_PROTOCOL", "tls"),
        ("KAFKA_PRODUCER_ACKS", "1"),
        ("KAFKA_PRODUCER_ENABLE_IDEMPOTENCE", "false"),
        ("KAFKA_PRODUCER_MAX_IN_FLIGHT", "6"),
        ("KAFKA_PRODUCER_RETRIES", "0"),
        ("KAFKA_PRODUCER_BOOTSTRAP_SERVERS", "x:1"),
        ("KAFKA_PRODUCER_NO_SUCH_PROPERTY", "1"),
        ("KAFKA_PRODUCER_LINGER_MS", "soon"),
    ] {
        let also = if name == "EVENT_ALLOW_DUAL_WRITE" { ("USE_OUTBOX_PATTERN", "false") } else { (name, value) };
        assert!(bad(&[also, (name, value)]).contains(&name.to_owned()), "{name}={value}");
    }
}

#[test]
fn a_property_that_breaks_a_promise_is_refused_with_the_reason() {
    for (name, value, problem) in [
        ("DELIVERY_REPORT_ONLY_ERROR", "true", "never hear that an event was delivered"),
        ("DELIVERY_REPORT_ONLY_ERROR", "T", "never hear that an event was delivered"),
        ("TRANSACTIONAL_ID", "users", "uses no Kafka transactions"),
        ("TRANSACTION_TIMEOUT_MS", "1000", "uses no Kafka transactions"),
        ("ENABLE_GAPLESS_GUARANTEE", "true", "stop the producer for all others"),
        ("PARTITIONER", "random", "the events of one key over all partitions"),
        ("QUEUING_STRATEGY", "lifo", "reordered"),
        ("METADATA_BROKER_LIST", "x:1", "has a variable of its own"),
        ("CLIENT_ID", "x", "has a variable of its own"),
        ("TEST_MOCK_NUM_BROKERS", "1", "a simulated broker"),
        ("PLUGIN_LIBRARY_PATHS", "/tmp/x.so", "change or withhold"),
        ("TOPIC_BLACKLIST", "marty", "take these topics for missing"),
        ("API_VERSION_REQUEST", "false", "no idempotent producer"),
        ("INTERNAL_TERMINATION_SIGNAL", "15", "take a signal over"),
        ("GROUP_ID", "users", "a property of consumers"),
        ("AUTO_OFFSET_RESET", "earliest", "a property of consumers"),
        ("MESSAGE_TIMEOUT_MS", "0", "`publish` would wait"),
        ("DELIVERY_TIMEOUT_MS", "0", "`publish` would wait"),
        ("REQUEST_REQUIRED_ACKS", "1", "lost, doubled or reordered"),
        ("MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION", "6", "lost, doubled or reordered"),
        ("MESSAGE_SEND_MAX_RETRIES", "0", "lost, doubled or reordered"),
        // The callbacks are set by functions only.
        ("DR_CB", "1", "No such configuration property"),
    ] {
        let variable = format!("KAFKA_PRODUCER_{name}");
        let error = read::read(&environment(&[(&variable, value)])).expect_err(&variable);
        assert!(error.to_string().contains(problem), "{error}");
        assert_eq!(error.faults()[0].variable, variable);
    }
    for (name, value) in [
        ("DELIVERY_REPORT_ONLY_ERROR", "false"),
        ("ACKS", "all"),
        ("ACKS", "-1"),
        ("ENABLE_IDEMPOTENCE", "1"),
        ("MAX_IN_FLIGHT", "5"),
        ("PARTITIONER", "consistent_random"),
    ] {
        good(&[(&format!("KAFKA_PRODUCER_{name}"), value)]);
    }
}

#[test]
fn two_names_of_one_property_are_one_property() {
    let one = |name: &str| {
        let config = good(&[(name, "2000")]);
        config.producer_properties().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(one("KAFKA_PRODUCER_DELIVERY_TIMEOUT_MS"), ["message.timeout.ms=2000"]);
    assert_eq!(one("KAFKA_PRODUCER_QUEUE_BUFFERING_MAX_MS"), ["linger.ms=2000"]);
    let same = [("KAFKA_PRODUCER_DELIVERY_TIMEOUT_MS", "2000"), ("KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS", "2000")];
    assert_eq!(good(&same).producer_properties().count(), 1);
    let different = [("KAFKA_PRODUCER_DELIVERY_TIMEOUT_MS", "2000"), ("KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS", "3000")];
    assert_eq!(bad(&different), ["KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS"]);
}

#[test]
fn a_property_is_read_as_the_client_reads_it() {
    for number in ["0x200000", "010", "2000000 bytes", "+2000000", "2000000.5"] {
        assert_eq!(bad(&[("KAFKA_PRODUCER_MESSAGE_MAX_BYTES", number)]), ["KAFKA_PRODUCER_MESSAGE_MAX_BYTES"]);
    }
    assert_eq!(good(&[("KAFKA_PRODUCER_MESSAGE_MAX_BYTES", " 2000000\n")]).max_message_bytes(), 2_000_000);
    assert_eq!(good(&[("KAFKA_PRODUCER_MESSAGE_MAX_BYTES", " ")]).producer_properties().count(), 0);
}

#[test]
fn white_space_is_as_if_absent_and_the_longest_time_is_a_long_one() {
    let config = good(&[("SERVICE_VERSION", " "), ("KAFKA_BROKERS", "\n"), ("ENABLE_EVENT_TRACING", "  ")]);
    assert_eq!(config.source().service.version, "0.0.0");
    assert_eq!(bad(&[("SERVICE_NAME", "  ")]), ["SERVICE_NAME"]);
    assert_eq!(good(&[("EVENT_TOPIC_PREFIX", " prod ")]).topic_prefix(), "prod");
    let longest = EventConfig::builder().service_name("users").shutdown_timeout(Duration::MAX).build().unwrap();
    assert!(Duration::from_hours(24 * 365) < longest.shutdown_timeout());
    assert!(std::time::Instant::now().checked_add(longest.shutdown_timeout()).is_some());
}

#[cfg(feature = "postgres")]
#[test]
fn an_address_of_a_database_is_taken_as_a_host_and_as_a_parameter() {
    for url in [
        "postgres://me@db/users?hostaddr=::1",
        "postgres://me:secret@[::1]:5432/users",
        "postgres://[2001:db8::1]/users",
    ] {
        assert_eq!(good(&[("DATABASE_URL", url)]).database_url(), Some(url));
    }
}

#[test]
fn links_of_kubernetes_services_are_passed_over() {
    let links = [
        ("KAFKA_PRODUCER_SERVICE_HOST", "10.0.0.1"),
        ("KAFKA_PRODUCER_SERVICE_PORT", "8080"),
        ("KAFKA_PRODUCER_SERVICE_PORT_HTTP", "8080"),
        ("KAFKA_PRODUCER_PORT", "tcp://10.0.0.1:8080"),
        ("KAFKA_PRODUCER_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("KAFKA_PRODUCER_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("KAFKA_PRODUCER_BLUE_SERVICE_HOST", "10.0.0.1"),
        ("KAFKA_PRODUCER_BLUE_PORT_8080_UDP_PROTO", "udp"),
    ];
    assert_eq!(good(&links).producer_properties().count(), 0);
    assert_eq!(bad(&[("KAFKA_PRODUCER_PORTS", "1")]), ["KAFKA_PRODUCER_PORTS"]);
}

#[test]
fn security_is_whole_or_refused() {
    assert_eq!(bad(&[("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext")]), ["KAFKA_SASL_MECHANISM"]);
    assert_eq!(bad(&[("KAFKA_SASL_USERNAME", "me")]), ["KAFKA_SASL_USERNAME"]);
    let plain = [("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"), ("KAFKA_SASL_MECHANISM", "plain")];
    assert_eq!(bad(&plain), ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"]);
    let mut whole = plain.to_vec();
    whole.extend([("KAFKA_SASL_USERNAME", "me"), ("KAFKA_SASL_PASSWORD", "hunter2")]);
    let config = good(&whole);
    let properties: Vec<_> = config.security_properties().collect();
    let expected = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "me"),
        ("sasl.password", "hunter2"),
    ];
    assert_eq!(properties, expected);
    assert_eq!(bad(&[("KAFKA_SSL_CA_LOCATION", "/")]), ["KAFKA_SSL_CA_LOCATION"]);
}

#[test]
fn another_client_of_the_same_brokers_gets_the_real_settings_of_the_connection() {
    let mut connection = vec![
        ("broker.address.family", "v4"),
        ("client.dns.lookup", "resolve_canonical_bootstrap_servers_only"),
        ("reconnect.backoff.ms", "50"),
        ("socket.keepalive.enable", "true"),
    ];
    // The others are properties of a build with TLS alone.
    if cfg!(any(feature = "kafka-ssl", feature = "kafka-ssl-vendored")) {
        connection.extend([
            ("enable.ssl.certificate.verification", "false"),
            ("sasl.oauthbearer.config", "principal=hunter5"),
            ("ssl.endpoint.identification.algorithm", "none"),
            ("ssl.key.password", "hunter3"),
            ("ssl.keystore.password", "hunter4"),
        ]);
    }
    let own = [
        ("KAFKA_BROKERS", "a:1"),
        ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
        ("KAFKA_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_SASL_USERNAME", "me"),
        ("KAFKA_SASL_PASSWORD", "hunter2"),
        ("KAFKA_PRODUCER_LINGER_MS", "7"),
        ("KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS", "2000"),
    ];
    let passed_on: Vec<(String, &str)> = connection
        .iter()
        .map(|(name, value)| (format!("KAFKA_PRODUCER_{}", name.to_uppercase().replace('.', "_")), *value))
        .collect();
    let pairs = own.into_iter().chain(passed_on.iter().map(|(name, value)| (name.as_str(), *value)));
    let properties = good(&pairs.collect::<Vec<_>>()).client_properties().unwrap();

    connection.extend([
        ("bootstrap.servers", "a:1"),
        ("client.id", "users"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.password", "hunter2"),
        ("sasl.username", "me"),
        ("security.protocol", "sasl_plaintext"),
    ]);
    connection.sort_unstable();
    let got: Vec<_> = properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(got, connection);
}

#[test]
fn all_the_faults_come_in_one_error() {
    let error = read::read(&Values::from_environment(
        [("KAFKA_BROKERS", "nowhere"), ("EVENT_OUTBOX_TABLE", "-"), ("USE_OUTBOX_PATTERN", "0")]
            .into_iter()
            .map(|(name, value)| (name.into(), value.into())),
    ))
    .unwrap_err();
    let text = error.to_string();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.starts_with("the configuration has 4 faults:"), "{text}");
    assert!(text.contains("KAFKA_BROKERS=nowhere: `nowhere` is not an address; write host:port"), "{text}");
    assert!(text.contains("a rollback leaves an event of what never happened"), "{text}");
}

#[test]
fn no_secret_is_shown() {
    let secrets = [
        ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
        ("KAFKA_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_SASL_USERNAME", "me"),
        ("KAFKA_SASL_PASSWORD", "hunter2"),
        ("KAFKA_PRODUCER_SSL_KEY_PASSWORD", "hunter2"),
        ("DATABASE_URL", "postgres://me:hunter2@db/outbox?password=hunter2"),
    ];
    let mut with_faults = secrets.to_vec();
    with_faults.extend([("KAFKA_BROKERS", "nowhere"), ("DATABASE_URL", "oracle://me:hunter2@db?password=hunter2")]);
    let error = read::read(&environment(&with_faults)).unwrap_err();
    assert!(error.to_string().contains("oracle://me:***@db?***"), "{error}");
    let builder = EventConfig::builder().sasl("PLAIN", "me", "hunter2").database_url("postgres://me:hunter2@db/outbox");
    let config = read::read(&environment(&secrets));
    let shown = format!("{error} {error:?} {builder:?} {config:?} {:?}", builder.clone().service_name("users").build());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn no_secret_is_shown_where_it_does_not_belong_or_is_misspelt() {
    for (name, value) in [
        ("KAFKA_PRODUCER_SASL_PASWORD", "hunter2"),
        ("KAFKA_PRODUCER_SASL_JAAS_CONFIG", "PlainLoginModule required password='hunter2';"),
        ("KAFKA_PRODUCER_SASL_PASSWORD", "hunter2"),
        ("KAFKA_BROKERS", "sasl://me:hunter2@kafka:9092"),
        ("DATABASE_URL", "oracle://me:hunter2?@db/outbox"),
        ("DATABASE_URL", "oracle://me:hunter2/#@db/outbox"),
        ("DATABASE_URL", "oracle://me:hun@ter2@db/outbox"),
        ("DATABASE_URL", "oracle://db/outbox?password=hunter2&application_name=a@b"),
        ("DATABASE_URL", "oracle://db/outbox#hunter2"),
        ("DATABASE_URL", "me:hunter2@db"),
    ] {
        let error = read::read(&environment(&[(name, value)])).expect_err(value);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(name) && !shown.contains("hun") && !shown.contains("ter2"), "{shown}");
    }
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf_8_is_named() {
    use std::os::unix::ffi::OsStringExt;
    for name in ["SERVICE_NAME", "KAFKA_PRODUCER_LINGER_MS"] {
        let values = [(name.into(), OsString::from_vec(vec![0xff]))];
        let error = read::read(&Values::from_environment(values.into_iter())).unwrap_err();
        assert!(error.to_string().contains(&format!("{name}: its value is not UTF-8")), "{error}");
    }
}

#[cfg(feature = "embedded")]
#[test]
fn the_embedded_broker_has_three_spellings() {
    assert_eq!(good(&[("KAFKA_BROKERS", "embedded")]).brokers(), &Brokers::Embedded);
    assert_eq!(EventConfig::builder().service_name("s").embedded().build().unwrap().brokers(), &Brokers::Embedded);
    assert_eq!(EventConfig::embedded().brokers(), &Brokers::Embedded);
}

#[cfg(not(feature = "embedded"))]
#[test]
fn without_the_feature_the_embedded_broker_is_refused_by_name() {
    let error = read::read(&environment(&[("KAFKA_BROKERS", "embedded")])).unwrap_err();
    assert!(error.to_string().contains("enable the Cargo feature `embedded`"), "{error}");
}
