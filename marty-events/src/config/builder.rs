use std::{fmt, time::Duration};

use super::{EventConfig, producer, read, values::Values};
use crate::ConfigError;

/// Makes an [`EventConfig`] step by step.
///
/// Every setting has the default of its environment variable; faults name that variable. `Debug` shows no value.
#[derive(Clone, Default)]
#[must_use = "nothing is configured until it is built"]
pub struct EventConfigBuilder {
    values: Values,
}

impl EventConfigBuilder {
    /// Begins with the environment's variables, over which anything can then be set.
    pub(super) fn from_environment() -> Self {
        Self { values: Values::from_environment(std::env::vars_os()) }
    }

    /// `SERVICE_NAME`, which is required.
    pub fn service_name(self, name: impl Into<String>) -> Self {
        self.set("SERVICE_NAME", name)
    }

    /// `SERVICE_VERSION`
    pub fn service_version(self, version: impl Into<String>) -> Self {
        self.set("SERVICE_VERSION", version)
    }

    /// `KAFKA_BROKERS`
    pub fn brokers(self, bootstrap: impl Into<String>) -> Self {
        self.set("KAFKA_BROKERS", bootstrap)
    }

    /// The in-process broker: `KAFKA_BROKERS=embedded`.
    pub fn embedded(self) -> Self {
        self.brokers("embedded")
    }

    /// `EVENT_TOPIC_PREFIX`
    pub fn topic_prefix(self, prefix: impl Into<String>) -> Self {
        self.set("EVENT_TOPIC_PREFIX", prefix)
    }

    /// `EVENT_DOMAIN_TOPIC`
    pub fn domain_topic(self, pattern: impl Into<String>) -> Self {
        self.set("EVENT_DOMAIN_TOPIC", pattern)
    }

    /// `EVENT_SCHEMA_BASE_URL`
    pub fn schema_base_url(self, url: impl Into<String>) -> Self {
        self.set("EVENT_SCHEMA_BASE_URL", url)
    }

    /// `EVENT_OUTBOX_TABLE`
    pub fn outbox_table(self, table: impl Into<String>) -> Self {
        self.set("EVENT_OUTBOX_TABLE", table)
    }

    /// `EVENT_OUTBOX_NAME`
    pub fn outbox_name(self, name: impl Into<String>) -> Self {
        self.set("EVENT_OUTBOX_NAME", name)
    }

    /// `DATABASE_URL`
    pub fn database_url(self, url: impl Into<String>) -> Self {
        self.set("DATABASE_URL", url)
    }

    /// `USE_OUTBOX_PATTERN`
    pub fn use_outbox_pattern(self, use_it: bool) -> Self {
        self.set("USE_OUTBOX_PATTERN", use_it.to_string())
    }

    /// `EVENT_ALLOW_DUAL_WRITE`
    pub fn allow_dual_write(self, allow: bool) -> Self {
        self.set("EVENT_ALLOW_DUAL_WRITE", allow.to_string())
    }

    /// `EVENT_SHUTDOWN_TIMEOUT`
    pub fn shutdown_timeout(self, limit: Duration) -> Self {
        self.set("EVENT_SHUTDOWN_TIMEOUT", limit.as_secs_f64().to_string())
    }

    /// `KAFKA_SECURITY_PROTOCOL`
    pub fn security_protocol(self, protocol: impl Into<String>) -> Self {
        self.set("KAFKA_SECURITY_PROTOCOL", protocol)
    }

    /// `KAFKA_SASL_MECHANISM`, `KAFKA_SASL_USERNAME` and `KAFKA_SASL_PASSWORD`
    pub fn sasl(self, mechanism: impl Into<String>, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.set("KAFKA_SASL_MECHANISM", mechanism)
            .set("KAFKA_SASL_USERNAME", username)
            .set("KAFKA_SASL_PASSWORD", password)
    }

    /// `KAFKA_SSL_CA_LOCATION`
    pub fn ssl_ca_location(self, path: impl Into<String>) -> Self {
        self.set("KAFKA_SSL_CA_LOCATION", path)
    }

    /// `KAFKA_PRODUCER_<PROPERTY>`; the name as librdkafka writes it, such as `linger.ms`.
    pub fn producer_property(self, name: &str, value: impl Into<String>) -> Self {
        self.set(format!("{}{}", producer::PREFIX, name.to_uppercase().replace('.', "_")), value)
    }

    /// `ENABLE_EVENT_TRACING`
    pub fn enable_tracing(self, enable: bool) -> Self {
        self.set("ENABLE_EVENT_TRACING", enable.to_string())
    }

    /// `ENABLE_EVENT_METRICS`
    pub fn enable_metrics(self, enable: bool) -> Self {
        self.set("ENABLE_EVENT_METRICS", enable.to_string())
    }

    /// The checked configuration.
    ///
    /// # Errors
    ///
    /// All the faults at once.
    pub fn build(self) -> Result<EventConfig, ConfigError> {
        read::read(&self.values)
    }

    fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.set(name, value);
        self
    }
}

impl fmt::Debug for EventConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventConfigBuilder").finish_non_exhaustive()
    }
}
