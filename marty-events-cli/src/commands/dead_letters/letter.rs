//! A dead letter as the commands show it.

use std::fmt;

use jiff::Timestamp;
use marty_events::outbox::DeadLetter;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{exit::Exit, failure::Failure, plain::plain};

/// A dead letter without its headers and payload.
#[derive(Serialize)]
pub(super) struct Summary {
    pub(super) event_id: Uuid,
    pub(super) event_type: String,
    pub(super) topic: String,
    pub(super) key: Option<String>,
    pub(super) ordering_key: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) died_at: Timestamp,
    pub(super) attempts: i32,
    pub(super) reason: String,
    pub(super) payload_bytes: usize,
    /// The part that this version cannot read, and the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

/// A record's value as JSON, or as text where it is not JSON.
pub(crate) fn value(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap_or_else(|_| String::from_utf8_lossy(payload).into())
}

pub(super) fn no_such(id: Uuid) -> Failure {
    Failure::new(Exit::Failed, format!("there is no dead letter with the id {id}"))
        .advise("see `marty-events dead-letters list`")
}

impl From<DeadLetter> for Summary {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { event, reason, died_at, problem, .. } = letter;
        Self {
            event_id: event.event_id,
            payload_bytes: event.payload.len(),
            event_type: event.event_type,
            topic: event.topic,
            key: event.key,
            ordering_key: event.ordering_key,
            created_at: event.created_at,
            attempts: event.attempts,
            reason,
            died_at,
            problem,
        }
    }
}

impl Summary {
    /// The reason of the refusal, and the part that cannot be read.
    pub(super) fn reason(&self) -> String {
        let reason = plain(&self.reason);
        match &self.problem {
            Some(problem) => format!("{reason}; cannot be read: {}", plain(problem)),
            None => reason,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}", self.event_id, plain(&self.event_type), self.reason())
    }
}
