//! A record's value as its publisher wrote it: its fields in their own order, its numbers with all their digits.

use std::{fmt, iter};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// JSON that is nested deeper is shown as text: its indented form would be far larger than itself.
const DEEPEST: usize = 128;

/// A record's value: JSON, or else text.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Payload {
    Json(Box<RawValue>),
    Text(String),
}

impl Payload {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let json = serde_json::from_slice::<Box<RawValue>>(bytes).ok();
        let json = json.and_then(|json| written(json.get(), false));
        match json.and_then(|text| RawValue::from_string(text).ok()) {
            Some(json) => Self::Json(json),
            None => Self::Text(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    /// JSON over several lines; nothing for a text.
    pub(crate) fn indented(&self) -> Option<String> {
        match self {
            Self::Json(json) => written(json.get(), true),
            Self::Text(_) => None,
        }
    }

    /// The names of the event's own data: the part of an envelope's payload that differs from event to event
    /// (docs/wire-format.md).
    pub(crate) fn data(&self) -> Vec<String> {
        let Self::Json(envelope) = self else { return Vec::new() };
        let envelope = fields(envelope);
        let Some(payload) = value(&envelope, "payload") else { return Vec::new() };
        let parts = fields(payload);
        let data =
            ["event_data", "operation_details", "template_variables"].into_iter().find_map(|part| value(&parts, part));
        data.map_or(parts, fields).into_iter().map(|(name, _)| name).collect()
    }
}

/// JSON on one line, or indented as `serde_json` does; nothing where it is nested too deep.
fn written(json: &str, is_indented: bool) -> Option<String> {
    let mut text = String::with_capacity(json.len());
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    for letter in json.chars() {
        if is_string {
            text.push(letter);
            is_string = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
            continue;
        }
        if letter.is_ascii_whitespace() {
            continue;
        }
        let is_end = matches!(letter, '}' | ']');
        if is_end {
            depth = depth.saturating_sub(1);
        }
        // An empty object or list stays on its line.
        let is_first = text.ends_with(['{', '[']);
        if is_indented && (is_first != is_end && (is_first || is_end) || text.ends_with(',')) {
            text.push('\n');
            text.extend(iter::repeat_n("  ", depth));
        }
        text.push(letter);
        match letter {
            '{' | '[' if depth == DEEPEST => return None,
            '{' | '[' => depth += 1,
            ':' if is_indented => text.push(' '),
            '"' => is_string = true,
            _ => {}
        }
    }
    Some(text)
}

/// The fields of an object in their own order; none for another value.
fn fields(json: &RawValue) -> Vec<(String, &RawValue)> {
    serde_json::from_str(json.get()).map(|Fields(fields)| fields).unwrap_or_default()
}

/// The value of a field. Of two fields with one name, the last one counts, as for most readers of JSON.
fn value<'a>(fields: &[(String, &'a RawValue)], name: &str) -> Option<&'a RawValue> {
    fields.iter().rev().find(|(field, _)| field == name).map(|(_, value)| *value)
}

struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn data(json: &str) -> Vec<String> {
        Payload::of(json.as_bytes()).data()
    }

    #[test]
    fn the_data_is_told_by_its_names_alone_in_their_own_order() {
        let domain = r#"{"payload": {"aggregate_id": "1", "event_data": {"plan": 1, "email": "secret"}}}"#;
        assert_eq!(data(domain), ["plan", "email"]);
        assert_eq!(data(r#"{"payload": {"action": "x", "operation_details": {"rows": 1}}}"#), ["rows"]);
        assert_eq!(data(r#"{"payload": {"amount": 1}}"#), ["amount"]);
        assert_eq!(data(r#"{"payload": {"event_data": 1, "b": 2}}"#), Vec::<String>::new());
        for other in [r#""no envelope""#, "{}", r#"{"payload": null}"#, "no JSON"] {
            assert_eq!(data(other), Vec::<String>::new(), "{other}");
        }
    }

    #[test]
    fn json_keeps_its_order_and_its_digits() {
        let json =
            "{ \"z\": 12345678901234567890.10,\n\t\"a\": [ {}, [ ], {\"b\\\"{\": \"c, d: \\\\\"} ], \"é\": 1e400 }\r\n";
        let payload = Payload::of(json.as_bytes());
        let compact = r#"{"z":12345678901234567890.10,"a":[{},[],{"b\"{":"c, d: \\"}],"é":1e400}"#;
        assert_eq!(serde_json::to_string(&payload).expect("JSON"), compact);
        let indented = "{\n  \"z\": 12345678901234567890.10,\n  \"a\": [\n    {},\n    [],\n    {\n      \"b\\\"{\": \"c, d: \\\\\"\n    }\n  ],\n  \"é\": 1e400\n}";
        assert_eq!(payload.indented().expect("JSON"), indented);
        let same = r#"{"a":[1,{"b":[]},[[2]],"x"],"c":{"d":null}}"#;
        let value: Value = serde_json::from_str(same).expect("JSON");
        assert_eq!(Payload::of(same.as_bytes()).indented(), Some(format!("{value:#}")));
    }

    #[test]
    fn other_values_are_texts() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Payload::of(deep(DEEPEST).as_bytes()).indented().is_some());
        for text in ["no JSON", "", "{\"a\": 1} x", &deep(DEEPEST + 1)] {
            let payload = Payload::of(text.as_bytes());
            assert!(matches!(&payload, Payload::Text(shown) if shown == text));
            assert_eq!(payload.indented(), None);
        }
        assert!(matches!(Payload::of(b"\xff"), Payload::Text(text) if text == "\u{fffd}"));
    }
}
