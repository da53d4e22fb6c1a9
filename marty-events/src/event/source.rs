//! The publishing service.

use super::topic::TopicPattern;

/// The part that all the events of a process have in common: who publishes, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) service_name: String,
    /// If true, an event of any service is taken: a test's recorder that was given no name of its own.
    pub(crate) takes_any_service: bool,
    pub(crate) service_version: String,
    pub(crate) topic_prefix: String,
    pub(crate) domain_topic: TopicPattern,
    /// If true, events carry the current trace.
    pub(crate) tracing: bool,
}
