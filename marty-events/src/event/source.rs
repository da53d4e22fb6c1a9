//! The publishing service.

use std::sync::Arc;

use super::{json, topic::TopicPattern};

/// The part that all the events of a process have in common: who publishes, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) service: Arc<Service>,
    /// If true, an event of any service is taken: a test's recorder that was given no name of its own.
    pub(crate) takes_any_service: bool,
    pub(crate) topic_prefix: String,
    pub(crate) domain_topic: TopicPattern,
    /// The place of the schemas of domain events (`EVENT_SCHEMA_BASE_URL`).
    pub(crate) schema_base_url: Option<String>,
    /// If true, events carry the current trace.
    pub(crate) tracing: bool,
}

/// Name and version of the publishing service, and the bytes that they are in every envelope.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(super) json: String,
}

impl Service {
    pub(crate) fn new(name: impl Into<String>, version: impl Into<String>) -> Arc<Self> {
        let (name, version) = (name.into(), version.into());
        let mut json = r#","service_name":"#.to_owned();
        json::push_text(&mut json, &name);
        json.push_str(r#","service_version":"#);
        json::push_text(&mut json, &version);
        Arc::new(Self { name, version, json })
    }
}
