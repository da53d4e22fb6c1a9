//! Rows of the outbox, as the relay and people see them.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{
    encoding::{EMPTIED, ENCODING, newer, no_headers},
    lanes::lane_of,
};
use super::{
    encoding::{HeaderText, check_encoding},
    queued_row::QueuedRow,
};
use crate::EventError;

/// An event that waits in the outbox.
///
/// Neither `Debug` nor `Serialize` shows the headers and the payload, which may hold personal data: answers and logs are no
/// place for them. A program that must show them writes the two fields itself.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PendingEvent {
    /// Its place in the outbox.
    pub seq: i64,
    /// Its id.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// Where it is bound for.
    pub topic: String,
    /// Its key in Kafka.
    pub key: Option<String>,
    /// Events of the same ordering key keep their order.
    pub ordering_key: Option<String>,
    /// The lane that it goes by, 1 to 16: what relays share their work by.
    pub lane: i32,
    /// The record's headers.
    #[serde(skip)]
    pub headers: Vec<(String, String)>,
    /// The record's value.
    #[serde(skip)]
    pub payload: Vec<u8>,
    /// The size of the record's value.
    pub payload_bytes: u64,
    /// When it was written, by the database's clock.
    pub created_at: Timestamp,
    /// How often the broker has refused it.
    pub attempts: i32,
}

/// An event that the broker refused for good.
///
/// `Serialize` writes the event's fields beside the letter's own, as [`PendingEvent`] does: without headers and payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The event as it stood in the outbox.
    #[serde(flatten)]
    pub event: PendingEvent,
    /// Why the broker refused it last.
    pub reason: String,
    /// When it was given up, by the database's clock.
    pub died_at: Timestamp,
    /// What of it this version cannot read, if there is anything: then it has no headers here, or a time as far away as there
    /// is one. It can be requeued and discarded all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Payload and headers were [emptied](crate::OutboxRepository::redact). It can be discarded, and requeued no more.
    pub redacted: bool,
}

/// How the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutboxStats {
    /// Events that wait.
    pub pending: u64,
    /// How long the oldest of them has waited, by the database's clock. Its JSON is `oldest_pending_seconds`, a fraction.
    #[serde(rename = "oldest_pending_seconds", serialize_with = "in_seconds")]
    pub oldest_pending_age: Option<Duration>,
    /// Events that the broker refused for good.
    pub dead: u64,
    /// Events delivered since the outbox was made, as far as relays have told of them with their heartbeats.
    pub published: u64,
}

impl OutboxStats {
    /// The counts of a row; the oldest age in milliseconds.
    pub(crate) fn new(pending: i64, oldest_age: Option<i64>, dead: i64, published: i64) -> Self {
        let oldest_pending_age = oldest_age.map(|age| Duration::from_millis(count(age)));
        Self { pending: count(pending), oldest_pending_age, dead: count(dead), published: count(published) }
    }
}

impl fmt::Debug for PendingEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingEvent")
            .field("seq", &self.seq)
            .field("event_id", &self.event_id)
            .field("event_type", &self.event_type)
            .field("topic", &self.topic)
            .field("attempts", &self.attempts)
            .field("payload_bytes", &self.payload_bytes)
            .finish_non_exhaustive()
    }
}

/// The columns of an event, as every database gives them.
pub(crate) struct Columns {
    pub(crate) seq: i64,
    pub(crate) event_id: Uuid,
    pub(crate) event_type: String,
    pub(crate) topic: String,
    pub(crate) key: Option<String>,
    pub(crate) ordering_key: Option<String>,
    pub(crate) key_hash: i64,
    pub(crate) headers: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) encoding: i16,
    /// Microseconds since 1970.
    pub(crate) created_at: i64,
    pub(crate) attempts: i32,
}

impl Columns {
    /// For a relay.
    pub(crate) fn record(self) -> Result<QueuedRow, EventError> {
        let seq = self.seq;
        check_encoding(seq, self.encoding)?;
        Ok(QueuedRow {
            seq,
            event_id: self.event_id,
            topic: self.topic.into(),
            key: self.key.map(Into::into),
            ordering_key: self.ordering_key.map(Into::into),
            lane: lane_of(self.key_hash),
            headers: HeaderText::new(seq, self.headers)?,
            payload: self.payload,
            created_at: timestamp(self.created_at).map_err(|problem| EventError::UnreadableRow { seq, problem })?,
            attempts: self.attempts,
        })
    }

    pub(crate) fn event(self) -> Result<PendingEvent, EventError> {
        let seq = self.seq;
        match self.read() {
            (event, None) => Ok(event),
            (_, Some(problem)) => Err(EventError::UnreadableRow { seq, problem }),
        }
    }

    /// One that cannot be read must not hide the others.
    pub(crate) fn dead_letter(self, payload_bytes: i64, reason: String, died_at: i64) -> DeadLetter {
        let redacted = self.encoding == EMPTIED;
        let (event, problem) = self.read();
        let event = PendingEvent { payload_bytes: count(payload_bytes), ..event };
        let (died_at, no_time) = nearest(died_at);
        DeadLetter { event, reason, died_at, problem: problem.or(no_time), redacted }
    }

    /// The event, and what cannot be read of it.
    fn read(self) -> (PendingEvent, Option<String>) {
        let (created_at, no_time) = nearest(self.created_at);
        let headers = if [ENCODING, EMPTIED].contains(&self.encoding) {
            serde_json::from_str(&self.headers).map_err(|error| no_headers(&error))
        } else {
            Err(newer(self.encoding))
        };
        let (headers, problem) = match headers {
            Ok(headers) => (headers, no_time),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        let event = PendingEvent {
            seq: self.seq,
            event_id: self.event_id,
            event_type: self.event_type,
            topic: self.topic,
            key: self.key,
            ordering_key: self.ordering_key,
            lane: lane_of(self.key_hash),
            headers,
            payload_bytes: self.payload.len() as u64,
            payload: self.payload,
            created_at,
            attempts: self.attempts,
        };
        (event, problem)
    }
}

#[expect(clippy::ref_option, reason = "serde hands a reference to the field")]
fn in_seconds<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.map(|age| age.as_secs_f64()).serialize(serializer)
}

/// The time, or the nearest one that there is and why.
pub(crate) fn nearest(microseconds: i64) -> (Timestamp, Option<String>) {
    match timestamp(microseconds) {
        Ok(time) => (time, None),
        Err(problem) if microseconds < 0 => (Timestamp::MIN, Some(problem)),
        Err(problem) => (Timestamp::MAX, Some(problem)),
    }
}

pub(crate) fn timestamp(microseconds: i64) -> Result<Timestamp, String> {
    Timestamp::from_microsecond(microseconds).map_err(|error| error.to_string())
}

/// A count that the database gives as a signed number.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
