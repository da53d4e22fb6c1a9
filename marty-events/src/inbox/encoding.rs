//! The texts of a parked row: headers as JSON, and ids that a database cannot hold as they are.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The encoding that this version writes and reads.
pub(super) const ENCODING: i16 = 1;

/// A value in the JSON of headers: a text where it is UTF-8, and its bytes otherwise.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

pub(super) fn headers_text(headers: &[(String, Vec<u8>)]) -> String {
    let pairs: Vec<(&str, Value<'_>)> = headers
        .iter()
        .map(|(name, value)| {
            let value = match std::str::from_utf8(value) {
                Ok(text) => Value::Text(text.into()),
                Err(_) => Value::Bytes(value.into()),
            };
            (name.as_str(), value)
        })
        .collect();
    serde_json::to_string(&pairs).expect("texts and numbers in lists are JSON")
}

pub(super) fn headers_of(text: &str) -> Result<Vec<(String, Vec<u8>)>, serde_json::Error> {
    let pairs: Vec<(String, Value<'_>)> = serde_json::from_str(text)?;
    let bytes = |value: Value<'_>| match value {
        Value::Text(text) => text.into_owned().into_bytes(),
        Value::Bytes(bytes) => bytes.into_owned(),
    };
    Ok(pairs.into_iter().map(|(name, value)| (name, bytes(value))).collect())
}

/// A text for a column that takes every character but NUL. It stays as it is unless it has a backslash or a NUL, and two texts never become
/// one.
#[cfg(feature = "postgres")]
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if text.contains(['\\', '\0']) { text.replace('\\', "\\\\").replace('\0', "\\0").into() } else { text.into() }
}

#[cfg(feature = "postgres")]
pub(super) fn unescaped(text: String) -> String {
    if !text.contains('\\') {
        return text;
    }
    let (mut plain, mut letters) = (String::with_capacity(text.len()), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.push(if letters.next() == Some('0') { '\0' } else { '\\' }),
            letter => plain.push(letter),
        }
    }
    plain
}

/// A text for people, in which a NUL is not worth keeping.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_in_their_order_with_every_byte() {
        let headers = vec![
            ("b".to_owned(), b"text \"quoted\"".to_vec()),
            ("a".to_owned(), vec![0, 159, 146, 150]),
            ("a".to_owned(), Vec::new()),
            (String::new(), b"\0".to_vec()),
        ];
        let text = headers_text(&headers);
        assert!(!text.contains('\0'));
        assert_eq!(headers_of(&text).unwrap(), headers);
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn two_ids_never_become_one() {
        let ids = ["plain", "", "\0", "\\0", "\\\\0", "a\\", "a\\\0", "é\0"];
        let escaped: Vec<_> = ids.iter().map(|id| escaped(id).into_owned()).collect();
        for (id, text) in ids.iter().zip(&escaped) {
            assert!(!text.contains('\0'));
            assert_eq!(&unescaped(text.clone()), id);
        }
    }
}
