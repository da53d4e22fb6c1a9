//! docs/guide/troubleshooting.md has every error message of the library, as the code has it.

use super::{files, read, root};

const PAGE: &str = "docs/guide/troubleshooting.md";

/// The files with the texts of a wrong configuration, event, topic, table or row.
const PROSE: [&str; 10] = [
    "config/read.rs",
    "config/reader.rs",
    "config/security.rs",
    "config/producer.rs",
    "config/properties.rs",
    "event/envelope.rs",
    "event/topic.rs",
    "outbox/encoding.rs",
    "outbox/row.rs",
    "database/table.rs",
];

/// The texts of a source file, without comments and attributes.
fn literals(source: &str) -> Vec<String> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("#[");
    let code: Vec<&str> = source.lines().filter(is_code).collect();
    let code = without_raw_texts(&code.join("\n")).replace("'\"'", "");
    let mut literals = Vec::new();
    let mut rest = code.as_str();
    while let Some((_, begun)) = rest.split_once('"') {
        let mut is_escaped = false;
        let end = begun
            .find(|letter| {
                let is_end = letter == '"' && !is_escaped;
                is_escaped = letter == '\\' && !is_escaped;
                is_end
            })
            .expect("a text ends");
        // Nobody is told a lint's reason or a proof, nor the words of a visitor: serde's text about a wrong type is left out.
        let before = &rest[..rest.len() - begun.len() - 1];
        let is_of_a_visitor = before.rfind("fn ").is_some_and(|at| before[at..].starts_with("fn expecting("));
        if !before.ends_with("reason = ") && !before.ends_with(".expect(") && !is_of_a_visitor {
            literals.push(begun[..end].replace("\\\"", "\""));
        }
        rest = &begun[end + 1..];
    }
    literals
}

/// Raw texts are pieces of JSON, which nobody is told.
fn without_raw_texts(code: &str) -> String {
    let mut rest = code;
    let mut without = String::new();
    while let Some((before, raw)) = rest.split_once("r#\"") {
        without.push_str(before);
        rest = raw.split_once("\"#").expect("a raw text ends").1;
    }
    without + rest
}

/// The parts of a text with `{placeholders}` that stay the same.
fn fixed_parts(text: &str) -> Vec<String> {
    // `{{` is none, and stands for itself.
    text.split('{')
        .enumerate()
        .map(|(number, part)| if number == 0 { part } else { part.split_once('}').map_or(part, |(_, rest)| rest) })
        .map(|part| part.trim().to_owned())
        .filter(|part| part.contains(' '))
        .collect()
}

/// The page as one line, so that a text may be broken.
fn page() -> String {
    read(&root().join(PAGE)).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text whose placeholders have no names: code and page may call them differently.
fn unnamed(text: &str) -> String {
    let mut unnamed = String::new();
    for (number, part) in text.split('{').enumerate() {
        match part.split_once('}') {
            Some((_, rest)) if 0 < number => unnamed.extend(["{}", rest]),
            _ => unnamed.push_str(part),
        }
    }
    unnamed
}

#[test]
fn the_page_has_every_text_of_the_errors() {
    let page = unnamed(&page());
    let source = root().join("marty-events/src");
    let mut texts = Vec::new();
    for file in files(&source, "rs") {
        let code = read(&file);
        for attribute in code.split("#[error(").skip(1) {
            let text = attribute.trim_start();
            // `transparent` has none of its own.
            if let Some(text) = text.strip_prefix('"') {
                texts.push(literals(&format!("\"{text}"))[0].clone());
            }
        }
    }
    assert!(18 < texts.len(), "{texts:#?}");
    let missing: Vec<&String> = texts.iter().filter(|text| !page.contains(&unnamed(text))).collect();
    assert!(missing.is_empty(), "{PAGE} lacks {missing:#?}");
}

#[test]
fn the_page_has_every_variant_of_the_errors() {
    let page = read(&root().join(PAGE));
    let code = read(&root().join("marty-events/src/error/mod.rs"));
    let body =
        code.split_once("pub enum EventError {").and_then(|(_, rest)| rest.split_once("\n}\n")).expect("the enum").0;
    let variants: Vec<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase()))
        .filter_map(|line| line.split(|letter: char| !letter.is_alphanumeric()).next())
        .collect();
    assert!(18 < variants.len(), "{variants:?}");
    for variant in variants {
        assert!(page.contains(&format!("\n### {variant}\n")), "{PAGE} has no section {variant}");
    }
}

#[test]
fn the_page_has_every_text_of_a_fault() {
    let page = page();
    let source = root().join("marty-events/src");
    let mut checked = 0;
    let mut missing = Vec::new();
    for file in PROSE {
        let code = read(&source.join(file));
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for part in literals(code).iter().flat_map(|text| fixed_parts(text)) {
            checked += 1;
            if !page.contains(&part) {
                missing.push(format!("{file}: {part}"));
            }
        }
    }
    assert!(60 < checked, "{checked}");
    assert!(missing.is_empty(), "{PAGE} lacks {missing:#?}");
}

#[test]
fn every_message_has_a_test() {
    let page = read(&root().join(PAGE));
    let without: Vec<&str> = page
        .split("\n### ")
        .skip(1)
        .filter(|section| !section.contains("\nTest: `"))
        .filter_map(|section| section.lines().next())
        .collect();
    assert!(without.is_empty(), "{PAGE} names no test for {without:?}");
}

/// The tests that the page names as showing its messages, and every other page's tables of tests.
#[test]
fn every_test_that_a_page_names_exists() {
    let sources: String = ["tests", "marty-events/src", "marty-events-cli/src", "marty-events-macros/src"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), "rs"))
        .map(|path| read(&path))
        .collect();
    let mut named = 0;
    for line in read(&root().join(PAGE)).lines().filter(|line| line.starts_with("Test: ")) {
        for name in line.split('`').skip(1).step_by(2) {
            named += 1;
            assert!(sources.contains(&format!("fn {name}(")), "{PAGE} names the test {name}, which does not exist");
        }
    }
    assert!(18 < named, "{named}");
}

#[test]
fn texts_are_found_in_sources() {
    assert_eq!(literals(r#"a("b \"c\"", reason = "d")"#), ["b \"c\""]);
    assert_eq!(literals("r#\"{\"a\":\"#; \"b\""), ["b"]);
    assert_eq!(fixed_parts("`{bad}` is not an address"), ["` is not an address"]);
}
