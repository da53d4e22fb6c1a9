//! The record of a failure that cannot be made as it is: nobody would hear of its refusal, so it is made to fit.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{AuditEventType, Event, Json, NotificationEventType, audit::AuditPayload, texts};

/// The longest text of a shortened event, and the longest field of its data: bytes.
const LONGEST: usize = 256;
/// The longest data of a shortened event.
pub(crate) const LONGEST_DATA: usize = 2 * 1024;
/// The most tags of a shortened event.
const MOST: usize = 16;

impl Event {
    /// Type and id without the characters that CloudEvents forbids, which a caller may have put there.
    pub(crate) fn escaped(mut self) -> Self {
        match &mut self {
            Self::Audit(event) => {
                if let AuditEventType::Custom(word) = &mut event.payload.event_type {
                    texts::escape(word);
                }
                event.payload.resource_id.iter_mut().for_each(texts::escape);
            }
            Self::Domain(event) => {
                texts::escape(event.payload.event_type.to_mut());
                event.payload.aggregate.change_id(texts::escape);
            }
            Self::Notification(event) => {
                if let NotificationEventType::Custom(word) = &mut event.payload.event_type {
                    texts::escape(word);
                }
                event.payload.recipient_ids.iter_mut().for_each(texts::escape);
                texts::escape(&mut event.payload.recipient_type);
            }
            Self::Custom(event) => {
                texts::escape(event.event_type.to_mut());
                event.key.iter_mut().for_each(texts::escape);
            }
        }
        self
    }

    /// Every text and every field of the data cut to a length that any producer takes. A topic's name is short already.
    pub(crate) fn shortened(mut self) -> Self {
        match &mut self {
            Self::Audit(event) => event.payload.shorten(),
            Self::Domain(event) => {
                event.payload.aggregate.change_id(cut);
                event.payload.event_data.shorten();
                event.payload.business_context.shorten();
            }
            Self::Custom(event) => {
                cut(event.event_type.to_mut());
                event.key.iter_mut().for_each(cut);
                event.payload.shorten();
            }
            // A notification is of a success alone.
            Self::Notification(_) => {}
        }
        self
    }
}

impl AuditPayload {
    fn shorten(&mut self) {
        if let AuditEventType::Custom(word) = &mut self.event_type {
            cut(word);
        }
        cut(self.action.to_mut());
        cut(self.resource_type.to_mut());
        let given = [&mut self.resource_id, &mut self.error_message, &mut self.error_code];
        given.into_iter().flatten().for_each(cut);
        self.compliance_tags.truncate(MOST);
        self.compliance_tags.iter_mut().for_each(cut);
        for data in [&mut self.operation_details, &mut self.security_context] {
            data.shorten();
        }
        let states = [&mut self.previous_state, &mut self.new_state];
        states.into_iter().flatten().for_each(Json::shorten);
    }
}

/// Cuts a text, and marks it.
pub(crate) fn cut(text: &mut String) {
    if LONGEST < text.len() {
        *text = texts::bounded(text.as_str(), LONGEST);
    }
}

impl Json {
    /// Long fields of an object are left out, each with a mark in its place; so is all of another value.
    fn shorten(&mut self) {
        let whole = self.text();
        if whole.len() <= LONGEST_DATA {
            return;
        }
        let mut fields = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(whole).unwrap_or_default();
        for value in fields.values_mut().filter(|value| LONGEST < value.get().len()) {
            *value = marked(value.get());
        }
        let size: usize = fields.iter().map(|(name, value)| name.len() + value.get().len()).sum();
        if fields.is_empty() || LONGEST_DATA < size {
            fields.retain(|name, _| name == "outcome" || name == "error_message");
            fields.insert("cut".to_owned(), marked(whole));
        }
        *self = serde_json::value::to_raw_value(&fields).map(Self::from).unwrap_or_default();
    }
}

/// The beginning of a text, or of another value nothing but the mark.
fn marked(value: &str) -> Box<RawValue> {
    let text = serde_json::from_str::<String>(value).unwrap_or_default();
    let text = if text.is_empty() { texts::mark(value.len()) } else { texts::bounded(&text, LONGEST) };
    serde_json::value::to_raw_value(&text).unwrap_or_default()
}
