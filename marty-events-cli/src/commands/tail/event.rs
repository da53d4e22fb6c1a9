use std::fmt;

use console::style;
use jiff::Timestamp;
use marty_events::outbox::PendingEvent;
use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};
use serde::Serialize;

use crate::{
    output::or_dash,
    payload::Payload,
    plain::{self, plain},
    time::stamp,
};

/// An event as `tail` shows it.
#[derive(Serialize)]
pub(super) struct TailedEvent {
    pub(super) time: Option<Timestamp>,
    pub(super) event_type: Option<String>,
    pub(super) key: Option<String>,
    pub(super) event_id: Option<String>,
    topic: String,
    #[serde(flatten)]
    place: Place,
    /// The names of the event's data. The values are shown with the payload alone.
    data: Vec<String>,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Place {
    Kafka { partition: i32, offset: i64 },
    Outbox { seq: i64 },
}

impl TailedEvent {
    pub(super) fn of_record(record: &BorrowedMessage<'_>, with_payload: bool) -> Self {
        let header = |name: &str| {
            let found = record.headers().and_then(|headers| headers.iter().find(|header| header.key == name));
            found.and_then(|header| header.value).map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let sent = record.timestamp().to_millis().and_then(|time| Timestamp::from_millisecond(time).ok());
        let payload = Payload::of(record.payload().unwrap_or_default());
        Self {
            time: header("ce_time").and_then(|time| time.parse().ok()).or(sent),
            event_type: header("ce_type"),
            key: record.key().map(|key| String::from_utf8_lossy(key).into_owned()),
            event_id: header("ce_id"),
            topic: record.topic().to_owned(),
            place: Place::Kafka { partition: record.partition(), offset: record.offset() },
            data: payload.data(),
            bytes: record.payload_len(),
            payload: with_payload.then_some(payload),
        }
    }

    pub(super) fn of_pending(event: PendingEvent, with_payload: bool) -> Self {
        let payload = Payload::of(&event.payload);
        Self {
            time: Some(event.created_at),
            event_type: Some(event.event_type),
            key: event.key,
            event_id: Some(event.event_id.to_string()),
            topic: event.topic,
            place: Place::Outbox { seq: event.seq },
            data: payload.data(),
            bytes: event.payload.len(),
            payload: with_payload.then_some(payload),
        }
    }
}

impl fmt::Display for TailedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.map_or_else(|| "-".to_owned(), stamp);
        let data = plain(&self.data.join(", "));
        write!(
            f,
            "{}  {}  {}  {}  {{{data}}} {} B  {}",
            style(time).dim(),
            style(or_dash(self.event_type.as_deref())).bold(),
            or_dash(self.key.as_deref()),
            or_dash(self.event_id.as_deref()),
            self.bytes,
            style(plain(&self.topic)).dim(),
        )?;
        match &self.payload {
            None => Ok(()),
            Some(Payload::Text(text)) => write!(f, "\n    {}", plain(text)),
            Some(Payload::Json(json)) => write!(f, "\n    {}", plain::json(json.get())),
        }
    }
}
