//! Configuration: its sources, and its faults.
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `SERVICE_NAME` | required | first part of the domain topics, `service_name` in the metadata, CloudEvents source |
//! | `SERVICE_VERSION` | `0.0.0` | `service_version` in the metadata |
//! | `KAFKA_BROKERS` | `localhost:9092` | comma-separated bootstrap list; `embedded` starts the in-process broker (feature `embedded`) |
//! | `EVENT_TOPIC_PREFIX` | `marty` | first segment of every topic, in lower case; empty drops it |
//! | `EVENT_DOMAIN_TOPIC` | `{service}.{aggregate}.{event_type}` | pattern of the domain topics |
//! | `EVENT_SCHEMA_BASE_URL` | none | the `schema_url` of domain events begins with it, and so does the header `ce_dataschema` |
//! | `EVENT_OUTBOX_TABLE` | `event_outbox` | the outbox table, also `schema.table` |
//! | `EVENT_OUTBOX_NAME` | database and table, such as `users.event_outbox` | the outbox's name in metrics and in the log |
//! | `DATABASE_URL` | none | the outbox database that keeps direct events which Kafka did not take |
//! | `USE_OUTBOX_PATTERN` | `true` | `false` sends before the commit, and is refused without `EVENT_ALLOW_DUAL_WRITE=true` |
//! | `EVENT_ALLOW_DUAL_WRITE` | `false` | accepts events of transactions that roll back later |
//! | `EVENT_SHUTDOWN_TIMEOUT` | `10` | how many seconds `shutdown` waits |
//! | `KAFKA_SECURITY_PROTOCOL` | `plaintext` | `plaintext`, `ssl`, `sasl_plaintext`, `sasl_ssl` |
//! | `KAFKA_SASL_MECHANISM` | none | `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `GSSAPI`, `OAUTHBEARER` |
//! | `KAFKA_SASL_USERNAME`, `KAFKA_SASL_PASSWORD` | none | for `PLAIN` and `SCRAM` |
//! | `KAFKA_SSL_CA_LOCATION` | the system's | file or directory of CA certificates |
//! | `KAFKA_PRODUCER_<PROPERTY>` | | a librdkafka producer property, `_` for `.`; one that breaks a promise of the library is refused |
//! | `ENABLE_EVENT_TRACING`, `ENABLE_EVENT_METRICS` | `true` | spans, and the trace context in events; metrics |
//!
//! A build without the feature `kafka` reads and checks the variables `KAFKA_*` too, because services and relays share an environment. Three
//! checks need the Kafka client: the names and values of `KAFKA_PRODUCER_<PROPERTY>`, whether the build has TLS, and whether it has GSSAPI.
//! There `KAFKA_BROKERS=embedded` and `USE_OUTBOX_PATTERN=false` are refused. A build without a database reads neither
//! `EVENT_OUTBOX_TABLE` nor `EVENT_OUTBOX_NAME`.

mod builder;
mod mask;
mod producer;
mod properties;
mod read;
mod reader;
mod security;
mod values;

use std::{fmt, time::Duration};

pub use builder::EventConfigBuilder;

#[cfg(feature = "_database")]
use crate::outbox::OutboxTable;
use crate::{
    ConfigError,
    event::{
        source::{Service, Source},
        topic::TopicPattern,
    },
};
use security::Security;
use values::{Secret, Values};

/// librdkafka's default of `message.max.bytes` (CONFIGURATION.md).
const LONGEST_MESSAGE: usize = 1_000_000;

/// A checked configuration. Its `Debug` shows no secret.
///
/// ```
/// use marty_events::EventConfig;
///
/// # fn main() -> Result<(), marty_events::ConfigError> {
/// let config = EventConfig::builder().service_name("users").brokers("kafka-1:9092,kafka-2:9092").build()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct EventConfig {
    service_name: String,
    service_version: String,
    brokers: Brokers,
    topic_prefix: String,
    domain_topic: TopicPattern,
    schema_base_url: Option<String>,
    #[cfg(feature = "_database")]
    outbox_table: OutboxTable,
    outbox_name: Option<String>,
    database_url: Option<Secret>,
    use_outbox: bool,
    security: Security,
    producer: Vec<(String, Secret)>,
    shutdown_timeout: Duration,
    tracing: bool,
    metrics: bool,
}

/// Kafka's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Brokers {
    /// A bootstrap list.
    List(String),
    /// In this process.
    #[cfg(feature = "embedded")]
    Embedded,
}

impl EventConfig {
    /// The environment's configuration, by the variables of the [module's table](self).
    ///
    /// # Errors
    ///
    /// All the faults of the environment at once.
    pub fn from_env() -> Result<Self, ConfigError> {
        read::read(&Values::from_environment(std::env::vars_os()))
    }

    /// A configuration made step by step; nothing is read from the environment.
    pub fn builder() -> EventConfigBuilder {
        EventConfigBuilder::default()
    }

    /// The environment's configuration, over which anything can be set: for a program that has command line options, or
    /// that publishes nothing itself and so needs no `SERVICE_NAME` of its users.
    ///
    /// ```
    /// # fn main() -> Result<(), marty_events::ConfigError> {
    /// let config = marty_events::EventConfig::builder_from_env().service_name("relay").build()?;
    /// # Ok(()) }
    /// ```
    pub fn builder_from_env() -> EventConfigBuilder {
        EventConfigBuilder::from_environment()
    }

    /// A configuration for a first try: the in-process broker, and the service name `embedded`.
    ///
    /// `EventConfig::builder().embedded()` lets everything else be set too.
    #[cfg(feature = "embedded")]
    #[must_use]
    pub fn embedded() -> Self {
        Self {
            service_name: "embedded".to_owned(),
            service_version: read::DEFAULT_VERSION.to_owned(),
            brokers: Brokers::Embedded,
            topic_prefix: read::DEFAULT_PREFIX.to_owned(),
            domain_topic: TopicPattern::default(),
            schema_base_url: None,
            #[cfg(feature = "_database")]
            outbox_table: OutboxTable::default(),
            outbox_name: None,
            database_url: None,
            use_outbox: true,
            security: Security::default(),
            producer: Vec::new(),
            shutdown_timeout: read::DEFAULT_SHUTDOWN_TIMEOUT,
            tracing: true,
            metrics: true,
        }
    }

    /// The service that publishes.
    #[must_use]
    pub fn service_name(&self) -> &str {
        &self.service_name
    }

    /// The first segment of every topic.
    #[must_use]
    pub fn topic_prefix(&self) -> &str {
        &self.topic_prefix
    }

    /// The outbox table.
    #[cfg(feature = "_database")]
    #[must_use]
    pub fn outbox_table(&self) -> &OutboxTable {
        &self.outbox_table
    }

    /// The outbox's name in metrics and in the log, if one is given. Otherwise it is the name of the database and the table.
    #[cfg(feature = "_database")]
    #[must_use]
    pub fn outbox_name(&self) -> Option<&str> {
        self.outbox_name.as_deref()
    }

    /// The most bytes that the producer takes, as a record batch with one event (`KAFKA_PRODUCER_MESSAGE_MAX_BYTES`).
    #[must_use]
    pub fn max_message_bytes(&self) -> usize {
        self.producer_properties()
            .find(|(name, _)| *name == "message.max.bytes")
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(LONGEST_MESSAGE)
    }

    pub(crate) fn brokers(&self) -> &Brokers {
        &self.brokers
    }

    pub(crate) fn database_url(&self) -> Option<&str> {
        self.database_url.as_ref().map(Secret::reveal)
    }

    /// If true, an event with a transaction goes through the outbox; otherwise it is sent before the commit.
    pub(crate) fn uses_outbox(&self) -> bool {
        self.use_outbox
    }

    pub(crate) fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    pub(crate) fn counts(&self) -> bool {
        self.metrics
    }

    /// If true, events carry the current trace, and sending them makes spans.
    pub(crate) fn traces(&self) -> bool {
        self.tracing
    }

    pub(crate) fn source(&self) -> Source {
        Source {
            service: Service::new(&self.service_name, &self.service_version),
            takes_any_service: false,
            topic_prefix: self.topic_prefix.clone(),
            domain_topic: self.domain_topic.clone(),
            schema_base_url: self.schema_base_url.clone(),
            tracing: self.tracing,
        }
    }

    /// The client's authentication to the brokers, as librdkafka's properties.
    pub(crate) fn security_properties(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.security.iter().map(|(name, value)| (*name, value.reveal()))
    }

    /// The properties that were passed through.
    pub(crate) fn producer_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.producer.iter().map(|(name, value)| (name.as_str(), value.reveal()))
    }

    /// Those of them that are about connections.
    pub(crate) fn connection_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.producer_properties().filter(|(name, _)| producer::is_of_connections(name))
    }
}

impl fmt::Display for Brokers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(list) => f.write_str(list),
            #[cfg(feature = "embedded")]
            Self::Embedded => f.write_str("embedded"),
        }
    }
}

#[cfg(test)]
#[cfg(all(feature = "kafka", feature = "_database"))]
mod tests;
