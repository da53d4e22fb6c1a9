//! The texts of a row: how headers are written into the table and read from it, and by which version.

mod plain;

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use self::plain::Plain;
use crate::event::json::push_text;
use crate::{
    EventError,
    event::{envelope::Message, trace::TraceContext},
};

/// Room for the headers of most events.
const HEADERS_BYTES: usize = 512;

/// The encoding of headers and payload that this version writes and reads.
pub(crate) const ENCODING: i16 = 1;
/// A dead letter whose payload and headers were emptied.
pub(crate) const EMPTIED: i16 = 0;

/// The CRC-32 (IEEE 802.3) of what the event is ordered by, or of its id where it is not.
pub(crate) fn key_hash(message: &Message) -> i64 {
    let hash = match message.ordering_key() {
        Some(key) => crc32fast::hash(key.as_bytes()),
        None => crc32fast::hash(message.id.as_bytes()),
    };
    i64::from(hash)
}

/// The headers of an event: a JSON list of pairs of name and value.
pub(crate) fn headers_text(message: &Message) -> String {
    let mut json = String::with_capacity(HEADERS_BYTES);
    for (name, value) in message.headers() {
        json.push_str(if json.is_empty() { "[[" } else { ",[" });
        push_text(&mut json, name);
        json.push(',');
        push_text(&mut json, value);
        json.push(']');
    }
    json.push(']');
    json
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
pub(crate) struct HeaderText {
    text: Box<str>,
    /// Where the pairs are, if the list is written as this library writes it, and without an escape.
    plain: Option<Plain>,
}

impl HeaderText {
    /// Nothing but such a list is taken.
    pub(crate) fn new(seq: i64, text: impl Into<Box<str>>) -> Result<Self, EventError> {
        let text = text.into();
        let plain = Plain::read(&text);
        if plain.is_none() {
            read(&text, (), |(), _, _| ())
                .map_err(|error| EventError::UnreadableRow { seq, problem: no_headers(&error) })?;
        }
        Ok(Self { text, plain })
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

    /// The bytes of the list.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Goes through the headers in their order.
    pub(crate) fn fold<T>(&self, first: T, add: impl FnMut(T, &str, &str) -> T) -> T {
        if self.text.is_empty() {
            return first;
        }
        if let Some(plain) = &self.plain {
            return plain.fold(&self.text, first, add);
        }
        read(&self.text, first, add).expect("the same text was read when this was made")
    }
}

/// The fault of an encoding that this version does not know.
pub(crate) fn newer(encoding: i16) -> String {
    format!("encoding {encoding} was written by a newer version; upgrade marty-events (this one reads {ENCODING})")
}

/// The fault of headers, without their content: the words of a wrong type would have the value.
pub(crate) fn no_headers(error: &serde_json::Error) -> String {
    if error.is_data() {
        return format!("headers: no list of pairs of texts, at line {} column {}", error.line(), error.column());
    }
    format!("headers: {error}")
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
        let headers = HeaderText::new(1, text).expect("headers");
        headers.fold(Vec::new(), |mut pairs, name, value| {
            pairs.push((name.to_owned(), value.to_owned()));
            pairs
        })
    }

    #[test]
    fn headers_are_written_as_serde_json_writes_a_list_of_pairs() {
        use jiff::Timestamp;
        use uuid::Uuid;

        use crate::{
            CustomEvent, EventContext,
            event::source::{Service, Source},
        };

        let source = Source {
            service: Service::new("a \"service\"", "1"),
            topic_prefix: String::new(),
            domain_topic: crate::event::topic::TopicPattern::default(),
            schema_base_url: None,
            takes_any_service: false,
            tracing: true,
        };
        let trace = format!("00-{:032x}-{:016x}-01", 1, 2);
        let traced = EventContext::new().trace(trace, Some("vendor=\"1\\\"".to_owned()));
        for (event, context) in [
            (CustomEvent::new("t", "moved"), EventContext::new()),
            (CustomEvent::new("t", "\u{1f680}\\\"").key("a/\"b\u{20ac}"), traced),
        ] {
            let made = source.message_at(event.into(), Uuid::nil(), Timestamp::UNIX_EPOCH, context);
            let message = made.expect("a message");
            let headers: Vec<(&str, &str)> = message.headers().collect();
            assert_eq!(headers_text(&message), serde_json::to_string(&headers).expect("JSON"));
        }
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
    fn headers_without_escapes_are_read_without_the_parser_and_as_it_reads_them() {
        let plain = ["[]", r#"[["a","b"]]"#, r#"[["",""],["€","],["],["a","b"]]"#, r#"[["a","b"],["a","]]"]]"#];
        let others = [
            r#"[["a","\n"]]"#,
            r#"[["a", "b"]]"#,
            r#" [["a","b"]]"#,
            r#"[["a","b"]] "#,
            r#"[["a","b"] ,["c","d"]]"#,
            r#"["a","b"]"#,
            r#"["a","b"]]"#,
            r#"[["a","b"],]"#,
            r#"[["a","b"],"#,
            r#"[["a","b"],["#,
            r#"[["a","b"]]]"#,
            r#"[["a","b"]["c","d"]]"#,
            r#"[["a","b","c"]]"#,
            r#"[["a"]]"#,
            r#"[["a",1]]"#,
            r#"[["a","b]]"#,
            "[[\"a\",\"\u{1}\"]]",
            "[",
            "[[",
            "",
            "]",
        ];
        for text in plain.into_iter().chain(others) {
            assert_eq!(Plain::read(text).is_some(), plain.contains(&text), "{text}");
            let parsed: Result<Vec<(String, String)>, _> = serde_json::from_str(text);
            match parsed {
                Ok(parsed) => assert_eq!(pairs(text), parsed, "{text}"),
                Err(_) => assert!(HeaderText::new(1, text).is_err(), "{text}"),
            }
        }
    }

    #[test]
    fn what_is_no_list_of_pairs_is_not_taken() {
        for text in
            ["", "{}", "[1]", r#"[["a"]]"#, r#"[["a", 1]]"#, r#"[["a", "b", "c"]]"#, "[] []", "[[", r#""secret""#]
        {
            let error = HeaderText::new(7, text).expect_err(text);
            assert!(error.to_string().starts_with("outbox row 7 cannot be read: headers: "), "{text}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
