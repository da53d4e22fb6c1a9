use std::fmt;

use console::style;
use jiff::Timestamp;
use marty_events::outbox::PendingEvent;
use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    commands::dead_letters::value,
    output::or_dash,
    plain::{self, plain},
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
    payload: Option<Value>,
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
        let payload = value(record.payload().unwrap_or_default());
        Self {
            time: header("ce_time").and_then(|time| time.parse().ok()).or(sent),
            event_type: header("ce_type"),
            key: record.key().map(|key| String::from_utf8_lossy(key).into_owned()),
            event_id: header("ce_id"),
            topic: record.topic().to_owned(),
            place: Place::Kafka { partition: record.partition(), offset: record.offset() },
            data: data_of(&payload),
            bytes: record.payload_len(),
            payload: with_payload.then_some(payload),
        }
    }

    pub(super) fn of_pending(event: PendingEvent, with_payload: bool) -> Self {
        let payload = value(&event.payload);
        Self {
            time: Some(event.created_at),
            event_type: Some(event.event_type),
            key: event.key,
            event_id: Some(event.event_id.to_string()),
            topic: event.topic,
            place: Place::Outbox { seq: event.seq },
            data: data_of(&payload),
            bytes: event.payload.len(),
            payload: with_payload.then_some(payload),
        }
    }
}

/// The names of the event's own data: the part of an envelope's payload that differs from event to event
/// (docs/wire-format.md).
fn data_of(envelope: &Value) -> Vec<String> {
    let payload = &envelope["payload"];
    let data = ["event_data", "operation_details", "template_variables"].into_iter().find_map(|part| payload.get(part));
    let names = data.unwrap_or(payload).as_object().into_iter().flat_map(|data| data.keys().cloned());
    names.collect()
}

impl fmt::Display for TailedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.map_or_else(|| "-".to_owned(), |time| format!("{time:.6}"));
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
            Some(Value::String(text)) => write!(f, "\n    {}", plain(text)),
            Some(json) => write!(f, "\n    {}", plain::json(&json.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::data_of;

    #[test]
    fn the_data_is_told_by_its_names_alone() {
        let domain = json!({"payload": {"aggregate_id": "1", "event_data": {"email": "secret", "plan": 1}}});
        assert_eq!(data_of(&domain), ["email", "plan"]);
        let audit = json!({"payload": {"action": "x", "operation_details": {"rows": 1}}});
        assert_eq!(data_of(&audit), ["rows"]);
        assert_eq!(data_of(&json!({"payload": {"amount": 1}})), ["amount"]);
        assert_eq!(data_of(&json!("no envelope")), Vec::<String>::new());
    }
}
