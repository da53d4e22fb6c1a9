//! The Kafka record of an event: topic, key, headers and payload, for direct delivery and for the relay.

use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
    util::IntoOpaque,
};

use crate::event::envelope::Message;
#[cfg(feature = "_database")]
use crate::outbox::QueuedRow;

/// Room for the headers of most events.
const HEADERS: usize = 8;

/// The record of an event that goes to Kafka without the outbox.
pub(crate) fn of_message<T: IntoOpaque>(message: &Message, opaque: T) -> BaseRecord<'_, str, [u8], T> {
    let headers = message.headers().fold(no_headers(), |headers, (name, value)| with_header(headers, name, value));
    record(&message.topic, message.key(), headers, message.payload.as_bytes(), opaque)
}

/// The record of a row of the outbox. It equals the record that its event would have had without the outbox.
#[cfg(feature = "_database")]
pub(crate) fn of_row<T: IntoOpaque>(row: &QueuedRow, opaque: T) -> BaseRecord<'_, str, [u8], T> {
    let headers = row.headers.fold(no_headers(), with_header);
    record(&row.topic, row.key.as_deref(), headers, &row.payload, opaque)
}

fn record<'a, T: IntoOpaque>(
    topic: &'a str,
    key: Option<&'a str>,
    headers: OwnedHeaders,
    payload: &'a [u8],
    opaque: T,
) -> BaseRecord<'a, str, [u8], T> {
    let record = BaseRecord::with_opaque_to(topic, opaque).payload(payload).headers(headers);
    match key {
        Some(key) => record.key(key),
        None => record,
    }
}

fn no_headers() -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(HEADERS)
}

fn with_header(headers: OwnedHeaders, name: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key: name, value: Some(value) })
}
