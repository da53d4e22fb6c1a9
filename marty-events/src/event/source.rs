//! The publishing service.

use super::topic::TopicPattern;

/// The part that all the events of a process have in common: who publishes, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) service_name: String,
    pub(crate) service_version: String,
    pub(crate) topic_prefix: String,
    pub(crate) domain_topic: TopicPattern,
    /// The place of the schemas of domain events (`EVENT_SCHEMA_BASE_URL`).
    pub(crate) schema_base_url: Option<String>,
    /// If true, events carry the current trace.
    pub(crate) tracing: bool,
}
