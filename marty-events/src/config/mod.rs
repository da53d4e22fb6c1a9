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
pub struct EventConfig { pub brokers: Brokers, pub table: OutboxTable, pub service: String, pub url: Option<String> }
impl EventConfig {
    pub fn from_env() -> Result<Self, ConfigError> { Err(ConfigError) }
    pub(crate) fn brokers(&self) -> &Brokers { &self.brokers }
    pub(crate) fn outbox_table(&self) -> &OutboxTable { &self.table }
    pub(crate) fn database_url(&self) -> Option<&str> { self.url.as_deref() }
    pub(crate) fn shutdown_timeout(&self) -> std::time::Duration { std::time::Duration::from_secs(10) }
    pub(crate) fn source(&self) -> Source { Source { service_name: self.service.clone(), service_version: "0.0.0".into(), topic_prefix: "marty".into(), domain_topic: Default::default() } }
    pub(crate) fn client_config(&self, bootstrap: &str) -> rdkafka::ClientConfig { let mut c = rdkafka::ClientConfig::new(); c.set("bootstrap.servers", bootstrap); c }
    pub(crate) fn producer_properties(&self) -> Vec<(&str, &str)> { vec![] }
}
