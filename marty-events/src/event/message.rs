//! The complete event: what Kafka will get, whichever way it goes there.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Event, EventMetadata, EventOrdering, EventPriority,
    metadata::Rfc3339,
    topic::{self, TopicPattern},
};
use crate::{EventContext, EventError};

/// An event with its topic, key, headers and bytes.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "the order of the commits is kept where transactions run side by side")
)]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    pub(crate) topic: String,
    pub(crate) key: Option<String>,
    /// Messages with the same ordering key are delivered in order; without one there is no promise.
    pub(crate) ordering_key: Option<String>,
    /// The order is that of the commits, and not only that of the inserts.
    pub(crate) in_commit_order: bool,
    pub(crate) event_type: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Vec<u8>,
}

impl Message {
    /// Bytes of key, headers and value.
    pub(crate) fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.as_ref().map_or(0, String::len) + headers + self.payload.len()
    }
}

/// Who publishes: what all the events of a process have in common.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) service_name: String,
    pub(crate) service_version: String,
    pub(crate) topic_prefix: String,
    pub(crate) domain_topic: TopicPattern,
    /// Whether events carry the trace that is going on.
    pub(crate) tracing: bool,
}

/// The envelope around every payload.
#[derive(Serialize)]
struct Envelope<'a, P> {
    metadata: &'a EventMetadata,
    event_type: &'a str,
    payload: &'a P,
}

impl Source {
    /// Completes `event` with a new id, the present time and the task's context.
    pub(crate) fn message(&self, event: &Event) -> Result<Message, EventError> {
        self.message_at(event, Uuid::now_v7(), Timestamp::now(), &EventContext::current())
    }

    pub(crate) fn message_at(
        &self,
        event: &Event,
        id: Uuid,
        time: Timestamp,
        context: &EventContext,
    ) -> Result<Message, EventError> {
        let prefix = &self.topic_prefix;
        match event {
            Event::Audit(audit) => {
                let route = Route {
                    topic: topic::prefixed(prefix, "audit.events")?,
                    key: audit.payload.resource_id.clone(),
                    ordering_key: None,
                    in_commit_order: false,
                };
                self.complete(event, route, audit.priority, &audit.payload, id, time, context)
            }
            Event::Domain(domain) => {
                let payload = &domain.payload;
                let route = Route {
                    topic: self.domain_topic.domain(
                        prefix,
                        &self.service_name,
                        &payload.aggregate_type,
                        &payload.event_type,
                    )?,
                    key: Some(payload.aggregate_id.clone()),
                    ordering_key: match domain.ordering {
                        EventOrdering::Key | EventOrdering::Commit => {
                            Some(format!("{}/{}", payload.aggregate_type, payload.aggregate_id))
                        }
                        EventOrdering::None => None,
                    },
                    in_commit_order: domain.ordering == EventOrdering::Commit,
                };
                self.complete(event, route, domain.priority, payload, id, time, context)
            }
            Event::Notification(notification) => {
                let payload = &notification.payload;
                let key = payload.recipient_ids.first().unwrap_or(&payload.recipient_type);
                let route = Route {
                    topic: topic::prefixed(prefix, "notification.events")?,
                    key: Some(key.clone()),
                    ordering_key: None,
                    in_commit_order: false,
                };
                self.complete(event, route, notification.priority, payload, id, time, context)
            }
            Event::Custom(custom) => {
                let route = Route {
                    topic: topic::prefixed(prefix, &custom.topic)?,
                    key: custom.key.clone(),
                    ordering_key: None,
                    in_commit_order: false,
                };
                self.complete(event, route, custom.priority, &custom.payload, id, time, context)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call per kind, all of them above")]
    fn complete<P: Serialize>(
        &self,
        event: &Event,
        route: Route,
        priority: EventPriority,
        payload: &P,
        id: Uuid,
        time: Timestamp,
        context: &EventContext,
    ) -> Result<Message, EventError> {
        let event_type = event.event_type();
        if event_type.is_empty() {
            return Err(EventError::InvalidEvent {
                event_type: String::new(),
                problem: "its type is empty".to_owned(),
            });
        }
        if route.key.as_deref() == Some("") {
            return Err(EventError::InvalidEvent {
                event_type: event_type.to_owned(),
                problem: "its id is empty; give the id of what it is about".to_owned(),
            });
        }
        let metadata = context.metadata(self, id, time, priority);
        let envelope = Envelope { metadata: &metadata, event_type, payload };
        let payload = serde_json::to_vec(&envelope)
            .map_err(|source| EventError::Serialize { field: "payload".to_owned(), source })?;
        Ok(Message {
            id,
            headers: self.headers(event_type, &route, id, time, context),
            topic: route.topic,
            key: route.key,
            ordering_key: route.ordering_key,
            in_commit_order: route.in_commit_order,
            event_type: event_type.to_owned(),
            payload,
        })
    }

    /// `CloudEvents` 1.0 in the binary mode of its Kafka protocol binding (attributes as `ce_` headers), and the W3C
    /// trace context.
    fn headers(
        &self,
        event_type: &str,
        route: &Route,
        id: Uuid,
        time: Timestamp,
        context: &EventContext,
    ) -> Vec<(String, String)> {
        let mut headers = vec![
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", id.to_string()),
            ("ce_source", self.service_name.clone()),
            ("ce_type", event_type.to_owned()),
            ("ce_time", Rfc3339(time).to_string()),
        ];
        if let Some(key) = &route.key {
            headers.push(("ce_subject", key.clone()));
        }
        headers.push(("content-type", "application/json".to_owned()));
        if self.tracing {
            headers.extend(context.trace_headers());
        }
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Where an event goes, and next to which others.
struct Route {
    topic: String,
    key: Option<String>,
    ordering_key: Option<String>,
    in_commit_order: bool,
}
