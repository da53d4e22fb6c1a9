//! The page with the events of the examples, made from the files that the gates of the examples hold against the code.

use std::{fmt::Write, fs};

use marty_events::catalogue::Catalogue;
use serde_json::Value;

use super::{files, read, root};

const PAGE: &str = "docs/examples-catalogue.md";
const ASYNCAPI: &str = "docs/examples-asyncapi.json";
const HEAD: &str = "# The events of the examples

Each example has a test with `assert_compatible(\"events.json\")`. This page is made from those files, as `marty-events catalogue markdown` makes it.
[examples-asyncapi.json](examples-asyncapi.json) is the AsyncAPI document of [contract-crate](../examples/contract-crate/README.md)'s producer.
";

/// The catalogue of each example, by the folder of its file.
fn catalogues() -> Vec<(String, Catalogue)> {
    let folder = root().join("examples");
    let is_events = |path: &std::path::PathBuf| path.file_name().is_some_and(|name| name == "events.json");
    let read_one = |path: std::path::PathBuf| {
        let place = path.parent().and_then(|parent| parent.strip_prefix(&folder).ok()).expect("below the examples");
        let catalogue =
            Catalogue::from_json(&read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (place.display().to_string(), catalogue)
    };
    files(&folder, "json").into_iter().filter(is_events).map(read_one).collect()
}

/// Compares a file with the text that it should have. `UPDATE_CATALOGUE=1` writes it.
fn check(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_CATALOGUE").is_some() {
        fs::write(&file, text).expect("the file can be written");
    }
    let advice = "UPDATE_CATALOGUE=1 cargo test -p marty-events-tests --test docs catalogue";
    assert!(read(&file) == text, "{path} is not what the examples publish; write it anew: {advice}");
}

#[test]
fn the_page_of_the_examples_has_all_their_events() {
    let catalogues = catalogues();
    let mut page = HEAD.to_owned();
    for (place, catalogue) in &catalogues {
        // The headings of each catalogue are below the page's own.
        let text = catalogue.to_markdown().replace("\n## ", "\n### ");
        let text = text.split_once('\n').map_or("", |(_, rest)| rest);
        write!(page, "\n## {place}\n{text}").expect("a text takes it");
    }
    check(PAGE, &page);

    // Each annotated method of the examples is in one of the files.
    let places: Vec<&str> = catalogues.iter().map(|(place, _)| place.as_str()).collect();
    for source in files(&root().join("examples"), "rs") {
        let path = source.strip_prefix(root().join("examples")).expect("below the examples").display().to_string();
        // Cargo fills the template in; the annotated producer is that of the file.
        let is_annotated = read(&source).lines().any(|line| line.trim_start().starts_with("#[domain_event("));
        let is_described = path.starts_with("template/") || places.iter().any(|place| path.starts_with(place));
        assert!(!is_annotated || is_described, "{path} has events, and no events.json is beside it");
    }
}

#[test]
fn the_asyncapi_document_is_that_of_the_contract_crate() {
    let producer = catalogues().into_iter().find(|(place, _)| place == "contract-crate/producer").expect("its file").1;
    let document: Value = serde_json::from_str(&producer.to_asyncapi()).expect("JSON");
    check(ASYNCAPI, &format!("{document:#}\n"));
}
