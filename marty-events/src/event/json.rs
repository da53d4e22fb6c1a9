//! JSON texts, written straight into the buffer of an envelope or of a row's headers.
//!
//! The bytes are those that `serde_json` would write. It looks at each byte on its own. Most texts have nothing to escape, so here
//! one step looks at 16 bytes.

use std::fmt::Write;

/// Appends fields of an object, each by the function that writes its value. The text before the first name is given.
macro_rules! push_fields {
    ($json:expr, $before:literal, $first:literal: $push_first:ident($first_value:expr),
        $($name:literal: $push:ident($value:expr),)*) => {
        $json.push_str(concat!($before, "\"", $first, "\":"));
        $push_first($json, $first_value);
        $(
            $json.push_str(concat!(",\"", $name, "\":"));
            $push($json, $value);
        )*
    };
}
pub(super) use push_fields;

/// Appends JSON as it is.
pub(super) fn push_json(json: &mut String, text: &str) {
    json.push_str(text);
}

/// Appends a text, in quotes.
pub(crate) fn push_text(json: &mut String, text: &str) {
    json.push('"');
    if has_special(text.as_bytes()) {
        push_escaped(json, text);
    } else {
        json.push_str(text);
    }
    json.push('"');
}

/// Appends a word that has nothing to escape, in quotes.
pub(crate) fn push_word(json: &mut String, word: &'static str) {
    json.push('"');
    json.push_str(word);
    json.push('"');
}

/// Appends a text, or `null`.
pub(crate) fn push_optional(json: &mut String, text: Option<&str>) {
    match text {
        Some(text) => push_text(json, text),
        None => json.push_str("null"),
    }
}

/// Appends a list of texts.
pub(crate) fn push_list(json: &mut String, texts: &[String]) {
    json.push('[');
    for (index, text) in texts.iter().enumerate() {
        if 0 < index {
            json.push(',');
        }
        push_text(json, text);
    }
    json.push(']');
}

/// Appends a number.
pub(crate) fn push_number(json: &mut String, number: u32) {
    if 9 < number {
        push_number(json, number / 10);
    }
    json.extend(char::from_digit(number % 10, 10));
}

/// A chunk is looked at to its end, so that the compiler compares all of its bytes in one instruction. A `match` of the three
/// in the place of `is_special` would undo that.
fn has_special(bytes: &[u8]) -> bool {
    let any = |bytes: &[u8]| bytes.iter().fold(false, |found, &byte| found | is_special(byte));
    let (chunks, rest) = bytes.as_chunks::<16>();
    let (halves, rest) = rest.as_chunks::<8>();
    chunks.iter().any(|chunk| any(chunk)) || halves.iter().any(|half| any(half)) || any(rest)
}

/// RFC 8259, section 7: the characters that must be escaped. All of them are single bytes.
fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn push_escaped(json: &mut String, text: &str) {
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| is_special(*byte)) {
        json.push_str(&text[written..at]);
        written = at + 1;
        match byte {
            b'"' => json.push_str("\\\""),
            b'\\' => json.push_str("\\\\"),
            b'\x08' => json.push_str("\\b"),
            b'\x0c' => json.push_str("\\f"),
            b'\n' => json.push_str("\\n"),
            b'\r' => json.push_str("\\r"),
            b'\t' => json.push_str("\\t"),
            control => {
                // Writing to a `String` does not fail.
                let _ = write!(json, "\\u{control:04x}");
            }
        }
    }
    json.push_str(&text[written..]);
}

#[cfg(test)]
#[cfg(feature = "_envelope")]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut json = String::new();
        push_text(&mut json, text);
        json
    }

    #[test]
    fn a_text_is_written_as_serde_json_writes_it() {
        for code in (0..0x3000).chain(0xd700..0x1_1000).chain(0x10_f000..0x11_0000) {
            let Some(letter) = char::from_u32(code) else { continue };
            // At the begin, at the end and in the middle of a chunk, and in the rest behind it.
            for text in [format!("{letter}"), format!("{letter}{letter}ab{letter}"), format!("{letter:17}{letter}b")] {
                assert_eq!(written(&text), serde_json::to_string(&text).expect("JSON"), "{text:?}");
            }
        }
    }

    #[test]
    fn texts_and_their_absence_stand_in_lists_and_fields() {
        let texts = ["a".to_owned(), String::new(), "\"\\\n".to_owned()];
        for length in 0..=texts.len() {
            let mut json = String::new();
            push_list(&mut json, &texts[..length]);
            assert_eq!(json, serde_json::to_string(&texts[..length]).expect("JSON"));
        }
        let mut json = String::new();
        push_optional(&mut json, None);
        push_optional(&mut json, Some("b"));
        assert_eq!(json, "null\"b\"");
        for number in [0, 9, 10, 1_203, u32::MAX] {
            let mut json = String::new();
            push_number(&mut json, number);
            assert_eq!(json, number.to_string());
        }
    }
}
