//! The URL of the schema of a domain event's data.

use std::fmt::Write;

use super::{domain::DomainPayload, source::Source, texts};
use crate::EventError;

impl Source {
    /// Gives the payload its URL below `EVENT_SCHEMA_BASE_URL`, and answers the value of `ce_dataschema`. A URL that the event has already stays.
    ///
    /// Without the variable the payload stays as it is, and the record has no such header.
    pub(super) fn place_schema(&self, payload: &mut DomainPayload) -> Result<Option<String>, EventError> {
        let Some(base) = &self.schema_base_url else { return Ok(None) };
        let url = payload.schema_url.get_or_insert_with(|| {
            let mut url = format!("{base}/");
            segment(&mut url, &self.service.name);
            url.push('/');
            segment(&mut url, payload.aggregate.aggregate_type());
            url.push('.');
            segment(&mut url, &payload.event_type);
            // Writing to a text cannot fail.
            _ = write!(url, "/v{}.json", payload.event_version);
            url
        });
        if let Some(letter) = texts::forbidden(url) {
            let letter = u32::from(letter);
            return Err(EventError::InvalidEvent {
                event_type: payload.event_type.to_string(),
                problem: format!(
                    "its schema URL has the character U+{letter:04X}, which CloudEvents forbids in `ce_dataschema`; percent-encode it"
                ),
            });
        }
        // An attribute of CloudEvents may not be empty.
        Ok(Some(url.clone()).filter(|url| !url.is_empty()))
    }
}

/// Appends `text` as a part of a path: in lower case, as in a topic, and percent-encoded. A topic's pattern may leave the event type out, which may
/// then have any characters.
fn segment(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            url.push(char::from(byte.to_ascii_lowercase()));
        } else {
            _ = write!(url, "%{byte:02X}");
        }
    }
}
