//! Configuration: where it comes from, and what is wrong with it.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use crate::event::message::Source;
use crate::outbox::OutboxTable;
/// Everything that is wrong with a configuration, all at once.
#[derive(Debug, thiserror::Error)]
#[error("configuration")]
pub struct ConfigError;
#[derive(Debug, Clone)]
pub enum Brokers { List(String), #[cfg(feature = "embedded")] Embedded }
#[derive(Debug, Clone)]
pub struct EventConfig { pub brokers: Brokers, pub table: OutboxTable, pub service: String, pub url: Option<String>, pub prefix: String, pub props: Vec<(String, String)> }
impl EventConfig {
    pub fn from_env() -> Result<Self, ConfigError> { Err(ConfigError) }
    pub(crate) fn brokers(&self) -> &Brokers { &self.brokers }
    pub(crate) fn outbox_table(&self) -> &OutboxTable { &self.table }
    pub(crate) fn database_url(&self) -> Option<&str> { self.url.as_deref() }
    pub(crate) fn shutdown_timeout(&self) -> std::time::Duration { std::time::Duration::from_secs(10) }
    pub(crate) fn source(&self) -> Source { Source { service_name: self.service.clone(), service_version: "0.0.0".into(), topic_prefix: self.prefix.clone(), domain_topic: Default::default() } }
    pub(crate) fn client_config(&self, bootstrap: &str) -> rdkafka::ClientConfig { let mut c = rdkafka::ClientConfig::new(); c.set("bootstrap.servers", bootstrap); c }
    pub(crate) fn producer_properties(&self) -> Vec<(&str, &str)> { self.props.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect() }
}
#[derive(Debug, Clone, Default)]
pub struct EventConfigBuilder { service: String, brokers: String, prefix: String, url: Option<String>, props: Vec<(String, String)> }
impl EventConfig { pub fn builder() -> EventConfigBuilder { Default::default() } }
impl EventConfigBuilder {
    pub fn service_name(mut self, v: impl Into<String>) -> Self { self.service = v.into(); self }
    pub fn brokers(mut self, v: impl Into<String>) -> Self { self.brokers = v.into(); self }
    pub fn topic_prefix(mut self, v: impl Into<String>) -> Self { self.prefix = v.into(); self }
    pub fn database_url(mut self, v: impl Into<String>) -> Self { self.url = Some(v.into()); self }
    pub fn producer_property(mut self, n: impl Into<String>, v: impl Into<String>) -> Self { self.props.push((n.into(), v.into())); self }
    pub fn build(self) -> Result<EventConfig, ConfigError> {
        Ok(EventConfig { brokers: if self.brokers == "embedded" { Brokers::Embedded } else { Brokers::List(self.brokers) }, table: OutboxTable::default(), service: self.service, url: self.url, prefix: self.prefix, props: self.props })
    }
}
