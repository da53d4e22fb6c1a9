//! Texts of unknown origin, as a terminal or a page may show them.

use std::fmt::Write;

/// A text on one line: every letter that could move the cursor, turn colours or change the order of other letters is written out.
pub(crate) fn plain(text: &str) -> String {
    escaped(text, |_| false)
}

/// The same of a text that has lines of its own.
pub(crate) fn lines(text: &str) -> String {
    escaped(text, |letter| letter == '\n')
}

/// The same of a text whose layout is shown as it is, such as a payload on a page.
pub(crate) fn block(text: &str) -> String {
    escaped(text, |letter| matches!(letter, '\n' | '\r' | '\t'))
}

/// The same of JSON, which stays JSON of the same value: serde escapes the control characters below the space alone.
pub(crate) fn json(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, letter| {
        // Outside of its texts, JSON has no such letters but the ends of lines.
        if letter != '\n' && acts(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(plain, "\\u{unit:04x}");
            }
        } else {
            plain.push(letter);
        }
        plain
    })
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, letter| {
        if acts(letter) && !stays(letter) {
            plain.extend(letter.escape_default());
        } else {
            plain.push(letter);
        }
        plain
    })
}

/// Whether a letter does something instead of being seen: C0 and C1 controls, DEL, the ends of lines of Unicode, its marks, embeddings,
/// overrides and isolates of direction (Unicode Standard Annex 9; Technical Report 36, 2.6), and the invisible tags.
fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of letter that acts.
    const HOSTILE: &str =
        "a\x1b[2Jb\u{9b}31mc\x7fd\u{85}e\u{202e}f\u{2067}g\u{200f}h\u{61c}i\u{2028}j\u{e0041}k\nl\tm\r";

    #[test]
    fn a_terminal_is_told_nothing_by_an_event() {
        assert_eq!(plain("user-1 ü 漢 👩‍🚀"), "user-1 ü 漢 👩‍🚀");
        for (shown, stays) in [(plain(HOSTILE), ""), (lines(HOSTILE), "\n"), (block(HOSTILE), "\n\t\r")] {
            assert_eq!(shown.chars().find(|letter| acts(*letter) && !stays.contains(*letter)), None, "{shown:?}");
            assert!(shown.contains("a\\u{1b}[2Jb\\u{9b}31mc\\u{7f}d\\u{85}e\\u{202e}f"), "{shown}");
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ "key": HOSTILE, HOSTILE: [1, "ü"] });
        for text in [value.to_string(), format!("{value:#}")] {
            let shown = json(&text);
            assert!(!shown.chars().any(|letter| letter != '\n' && acts(letter)), "{shown:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
        }
    }
}
