//! Texts of unknown origin, made safe for a terminal or a page.

use std::fmt::Write;

/// A text on one line. Letters that move the cursor, turn colours or reorder other letters are written out.
pub(crate) fn plain(text: &str) -> String {
    escaped(text, |_| false)
}

/// The same, with line ends kept.
pub(crate) fn lines(text: &str) -> String {
    escaped(text, |letter| letter == '\n')
}

/// The same, with line ends and tabs kept, for a payload on a page.
pub(crate) fn block(text: &str) -> String {
    escaped(text, |letter| matches!(letter, '\n' | '\r' | '\t'))
}

/// The same for JSON, which keeps its value. Serde escapes only the control characters below the space.
pub(crate) fn json(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, letter| {
        // JSON has such letters in its texts alone, except for the ends of lines.
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

/// True for a letter that acts instead of being seen: C0 and C1 controls, DEL, the ends of lines of Unicode, its marks, embeddings,
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
