//! The text of a header.

use http::HeaderValue;

/// A value in letters: as UTF-8, else as ISO 8859-1 (RFC 9110, section 5.5). One that is empty, or has control characters, is none.
pub(super) fn text(value: &HeaderValue) -> Option<String> {
    let bytes = value.as_bytes();
    let text =
        std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned);
    let text = text.trim_matches([' ', '\t']);
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}
