//! The glossary of the relay: the same words, with the same meaning, beside the code and in the documentation.

use std::collections::BTreeMap;

/// Words that nobody can guess. Each is explained.
const WORDS: [&str; 15] = [
    "acknowledge",
    "bundle",
    "bury",
    "dead letter",
    "fallback",
    "heartbeat",
    "in flight",
    "lane",
    "lease",
    "ordering key",
    "position",
    "send window",
    "settle",
    "tenure",
    "term",
];

/// The rows of the table that follows a line with `| word | meaning |`.
fn glossary(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(|line| line.trim_start_matches("//!").trim());
    let rows = lines.skip_while(|line| *line != "| word | meaning |").skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let (word, meaning) = row.trim_matches('|').split_once('|').expect("a row has two cells");
        // Links of one place lead nowhere from the other.
        let meaning = meaning.replace(['[', ']'], "");
        (word.trim().to_owned(), meaning.trim().to_owned())
    })
    .collect()
}

#[test]
fn the_code_and_the_documentation_explain_the_same_words() {
    let code = glossary(&crate::read(&crate::root().join("marty-events/src/relay/mod.rs")));
    let page = glossary(&crate::read(&crate::root().join("docs/architecture.md")));
    assert_eq!(code, page);
    for word in WORDS {
        assert!(code.contains_key(word), "`{word}` is not explained; add it to the glossary of the relay");
    }
    for word in code.keys() {
        assert!(WORDS.contains(&word.as_str()), "`{word}` is explained and not among WORDS; add it there");
    }
}
