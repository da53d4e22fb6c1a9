//! Texts whose length and characters the caller of a method decides, and their limits.

use std::fmt::{self, Display, Write};

/// The longest text that an event takes from an error by itself: bytes of UTF-8, the mark of a cut included.
pub(crate) const LONGEST_ERROR: usize = 8 * 1024;

/// The text of `value`. A text of more than `longest` bytes ends with a mark that has its whole length.
pub(crate) fn bounded<T: Display + ?Sized>(value: &T, longest: usize) -> String {
    let mut text = Bounded { kept: String::new(), longest, length: 0 };
    // A `Display` that fails has written a part of its text, which is kept: the record matters more.
    let _ = write!(text, "{value}");
    text.finish()
}

/// Keeps the beginning of a text and counts the rest: a text of any length takes up `longest` bytes.
struct Bounded {
    kept: String,
    longest: usize,
    length: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.kept.len() == self.length {
            let room = self.longest - self.kept.len();
            self.kept.push_str(&text[..text.floor_char_boundary(room)]);
        }
        self.length = self.length.saturating_add(text.len());
        Ok(())
    }
}

impl Bounded {
    fn finish(mut self) -> String {
        if self.kept.len() < self.length {
            let mark = mark(self.length);
            self.kept.truncate(self.kept.floor_char_boundary(self.longest.saturating_sub(mark.len())));
            self.kept.push_str(&mark);
        }
        self.kept
    }
}

/// Ends a text that was cut, or stands in the place of a value that was left out.
pub(crate) fn mark(length: usize) -> String {
    format!("… [cut; {length} bytes in all]")
}

/// The first character that an attribute of CloudEvents cannot have.
pub(crate) fn forbidden(text: &str) -> Option<char> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    text.chars().find(|&letter| is_forbidden(letter))
}

/// True for the characters that CloudEvents 1.0 forbids (section "Type System", String): control characters and Unicode's
/// noncharacters. Surrogates are forbidden too, but cannot be in a `str`.
fn is_forbidden(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{fdd0}'..='\u{fdef}') || u32::from(letter) & 0xfffe == 0xfffe
}

/// Makes the text one that an attribute of CloudEvents can have: the UTF-8 bytes of a forbidden character become `%0A`.
pub(crate) fn escape(text: &mut String) {
    if forbidden(text).is_none() {
        return;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_forbidden(letter) {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a `String` does not fail.
                let _ = write!(escaped, "%{byte:02X}");
            }
        } else {
            escaped.push(letter);
        }
    }
    *text = escaped;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_characters_end_and_marked() {
        assert_eq!(bounded("short", 5), "short");
        for longest in 40..48 {
            let cut = bounded(&"ü".repeat(1_000), longest);
            assert!(cut.len() <= longest && cut.ends_with("… [cut; 2000 bytes in all]"), "{cut}");
            assert!(longest - 2 < cut.len(), "{cut}");
        }
    }

    #[test]
    fn nothing_is_kept_behind_a_piece_that_did_not_fit() {
        struct Pieces;
        impl Display for Pieces {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&"a".repeat(39))?;
                f.write_str("ü")?;
                f.write_str("b")
            }
        }
        assert_eq!(bounded(&Pieces, 40), format!("{}… [cut; 42 bytes in all]", "a".repeat(14)));
    }

    #[test]
    fn a_display_that_fails_does_not_panic() {
        struct Fails;
        impl Display for Fails {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("begun")?;
                Err(fmt::Error)
            }
        }
        assert_eq!(bounded(&Fails, 40), "begun");
    }

    #[test]
    fn forbidden_characters_are_those_of_the_specification() {
        let forbidden = ['\0', '\u{1f}', '\u{7f}', '\u{9f}', '\u{fdd0}', '\u{fdef}', '\u{fffe}', '\u{10ffff}'];
        assert!(forbidden.into_iter().all(is_forbidden));
        let allowed = [' ', '~', '\u{a0}', '\u{2028}', '\u{fdcf}', '\u{fdf0}', '\u{fffd}', '\u{10000}', '%'];
        assert!(!allowed.into_iter().any(is_forbidden));
        let mut text = "a\nü\u{fffe}%".to_owned();
        escape(&mut text);
        assert_eq!(text, "a%0Aü%EF%BF%BE%");
    }
}
