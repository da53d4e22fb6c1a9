//! Rows as a relay takes them: what Kafka will get, and what their delivery is decided by.

use std::{borrow::Cow, fmt, sync::Arc};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use uuid::Uuid;

use super::{
    row::{ENCODING, newer, no_headers},
    store::RowId,
};
use crate::{EventError, event::trace::TraceContext};

/// An event on its way from the outbox to Kafka.
pub(crate) struct QueuedRow {
    /// Its place in the outbox.
    pub(crate) seq: i64,
    pub(crate) event_id: Uuid,
    pub(crate) topic: String,
    pub(crate) key: Option<String>,
    /// Records of the same ordering key keep their order.
    pub(crate) ordering_key: Option<Arc<str>>,
    pub(crate) lane: i32,
    pub(crate) headers: HeaderText,
    pub(crate) payload: Vec<u8>,
    /// When it was written, by the database's clock.
    pub(crate) created_at: Timestamp,
    /// How often the broker has refused it.
    pub(crate) attempts: i32,
}

impl QueuedRow {
    /// How many bytes its headers and payload have.
    pub(crate) fn size(&self) -> usize {
        self.payload.len() + self.headers.0.len()
    }

    pub(crate) fn row_id(&self) -> RowId {
        RowId { seq: self.seq, event_id: self.event_id }
    }
}

/// Leaves the payload out, as of what people see.
impl fmt::Debug for QueuedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedRow")
            .field("seq", &self.seq)
            .field("event_id", &self.event_id)
            .field("topic", &self.topic)
            .field("attempts", &self.attempts)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// Why a version cannot send a row of another one.
pub(crate) fn check_encoding(seq: i64, encoding: i16) -> Result<(), EventError> {
    if encoding == ENCODING {
        return Ok(());
    }
    Err(EventError::UnreadableRow { seq, problem: newer(encoding) })
}

/// A record's headers as the table has them, a JSON list of pairs of name and value. They are read where they are needed: as
/// values of their own they would be the most of what a relay allocates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HeaderText(String);

impl HeaderText {
    /// Nothing but such a list is taken.
    pub(crate) fn new(seq: i64, text: String) -> Result<Self, EventError> {
        read(&text, (), |(), _, _| ())
            .map_err(|error| EventError::UnreadableRow { seq, problem: no_headers(&error) })?;
        Ok(Self(text))
    }

    /// The span that the event was recorded in, by its headers.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        let (parent, state) = self.fold((None, None), |(parent, state), name, value| match name {
            "traceparent" => (Some(value.to_owned()), state),
            "tracestate" => (parent, Some(value.to_owned())),
            _ => (parent, state),
        });
        TraceContext::new(&parent?, state)
    }

    /// Goes through the headers in their order.
    pub(crate) fn fold<T>(&self, first: T, add: impl FnMut(T, &str, &str) -> T) -> T {
        if self.0.is_empty() {
            return first;
        }
        read(&self.0, first, add).expect("the same text was read when this was made")
    }
}

fn read<T>(text: &str, first: T, add: impl FnMut(T, &str, &str) -> T) -> Result<T, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_seq(Pairs { first, add })?;
    reader.end()?;
    Ok(read)
}

struct Pairs<T, F> {
    first: T,
    add: F,
}

/// A text that is copied only where it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de, T, F: FnMut(T, &str, &str) -> T> Visitor<'de> for Pairs<T, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of pairs")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut pairs: A) -> Result<T, A::Error> {
        let mut so_far = self.first;
        while let Some((name, value)) = pairs.next_element::<(Text<'de>, Text<'de>)>()? {
            so_far = (self.add)(so_far, &name.0, &value.0);
        }
        Ok(so_far)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let headers = HeaderText::new(1, text.to_owned()).expect("headers");
        headers.fold(Vec::new(), |mut pairs, name, value| {
            pairs.push((name.to_owned(), value.to_owned()));
            pairs
        })
    }

    #[test]
    fn headers_are_read_as_they_were_written() {
        let written = [("ce_id", "1"), ("name", "with \"quotes\", a\nline and \u{20ac}")];
        let text = serde_json::to_string(&written).expect("JSON");
        let read = pairs(&text);
        assert_eq!(read, written.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(pairs("[]"), []);
    }

    #[test]
    fn what_is_no_list_of_pairs_is_not_taken() {
        for text in
            ["", "{}", "[1]", r#"[["a"]]"#, r#"[["a", 1]]"#, r#"[["a", "b", "c"]]"#, "[] []", "[[", r#""secret""#]
        {
            let error = HeaderText::new(7, text.to_owned()).expect_err(text);
            assert!(error.to_string().starts_with("outbox row 7 cannot be read: headers: "), "{text}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
