//! Pictures, and shown code that is not compiled by itself.

use std::collections::BTreeSet;

use marty_events_tests::printed;
use serde_json::Value;

use super::{blocks_of, root};
use crate::schemas;

/// State diagrams and flowcharts of Mermaid.
#[test]
fn every_diagram_is_whole() {
    for block in blocks_of("mermaid") {
        let place = format!("{}:{}", block.page, block.line);
        let (kind, lines) = block.text.split_once('\n').expect("a first line");
        match kind {
            "stateDiagram-v2" => assert_states(&place, lines),
            "flowchart LR" => assert_flow(&place, lines),
            other => panic!("{place}: `{other}` is not known here"),
        }
    }
}

/// Each line is an arrow between two states, with or without words.
fn assert_states(place: &str, lines: &str) {
    for line in lines.lines() {
        let (arrow, words) = line.split_once(": ").unwrap_or((line, "-"));
        let (from, to) = arrow.split_once(" --> ").unwrap_or_else(|| panic!("{place}: {line}"));
        let is_state = |name: &str| name == "[*]" || name.chars().all(char::is_alphanumeric) && !name.is_empty();
        assert!(is_state(from.trim()) && is_state(to.trim()), "{place}: {line}");
        // A semicolon ends a statement.
        assert!(!words.is_empty() && !words.contains([';', '#']), "{place}: {line}");
    }
}

/// The catalogue's picture: each line is a node with its text, or an arrow with words between two nodes of the lines before.
fn assert_flow(place: &str, lines: &str) {
    let mut nodes = BTreeSet::new();
    for line in lines.lines().map(str::trim) {
        if let Some((from, rest)) = line.split_once(" -- \"") {
            let (_, to) = rest.split_once("\" --> ").unwrap_or_else(|| panic!("{place}: {line}"));
            assert!(nodes.contains(from) && nodes.contains(to), "{place}: {line}");
        } else {
            let end = line.find(['[', '(']).unwrap_or_else(|| panic!("{place}: {line}"));
            assert!(line.matches('"').count() == 2, "{place}: {line}");
            nodes.insert(&line[..end]);
        }
    }
}

/// The texts of a picture.
fn texts(picture: &str) -> Vec<&str> {
    picture.split("</text>").filter_map(|part| part.rsplit_once('>').map(|(_, text)| text)).collect()
}

/// Each picture has its content in words, is readable in the dark, and needs nothing from elsewhere.
#[test]
fn every_picture_is_whole() {
    for path in ["docs/images/routes.svg", "docs/images/life-of-a-row.svg"] {
        let picture = printed::file(path);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{path}");
        for part in ["<title id=\"title\">", "<desc id=\"description\">", "prefers-color-scheme: dark"] {
            assert!(picture.contains(part), "{path} has no {part}");
        }
        let (_, body) = picture.split_once("xmlns=\"http://www.w3.org/2000/svg\"").expect("a namespace");
        assert!(!body.contains("http") && !body.contains("<script"), "{path} leads elsewhere");
        let parsed = std::process::Command::new("xmllint").args(["--noout", path]).current_dir(root()).output();
        assert!(parsed.is_err() || parsed.is_ok_and(|parsed| parsed.status.success()), "{path} is not XML");
    }
    // The states of the picture are those of the diagram.
    let picture = printed::file("docs/images/life-of-a-row.svg");
    let shown = texts(&picture);
    let diagram = printed::under("docs/architecture.md", "The life of a row", "mermaid");
    let arrows = diagram.lines().skip(1).filter_map(|line| line.split(": ").next()?.split_once(" --> "));
    for state in arrows.flat_map(|(from, to)| [from.trim(), to.trim()]).filter(|state| *state != "[*]") {
        assert!(shown.contains(&state), "{state} is not in the picture");
    }
}

/// Without spaces, line ends and `_` between digits.
fn dense(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}

#[test]
fn the_buckets_that_are_shown_are_those_of_the_command() {
    let shown = printed::only("docs/observability.md", "rust,ignore");
    let code = dense(&printed::file("marty-events-cli/src/serve.rs"));
    let lists: Vec<&str> = shown.split('[').skip(1).filter_map(|rest| rest.split(']').next()).collect();
    assert_eq!(lists.len(), 2, "{shown}");
    for list in lists {
        let list = dense(list);
        assert!(code.contains(&format!("[{}]", list.trim_end_matches(','))), "{list}");
    }
    for call in [
        "PrometheusBuilder::new()",
        "Matcher::Suffix(\"_seconds\".to_owned())",
        "Matcher::Suffix(\"_rows\".to_owned())",
    ] {
        assert!(shown.contains(call) && code.contains(&dense(call)), "{call}");
    }
}

#[test]
fn the_status_that_is_shown_has_the_fields_of_the_command() {
    let shown: Value = serde_json::from_str(&printed::only("docs/command-line.md", "json")).expect("JSON");
    let folder = "marty-events/src/outbox";
    let files = [
        "marty-events-cli/src/commands/status/mod.rs".to_owned(),
        format!("{folder}/row.rs"),
        format!("{folder}/relays.rs"),
    ];
    let code = files.map(|file| printed::file(&file)).concat();
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    for key in keys(&shown).into_iter().chain(keys(&shown["relays"][0])) {
        assert!(code.contains(&format!("\"{key}\"")) || code.contains(&format!("{key}:")), "{key}");
    }
}

#[test]
fn the_schema_that_is_shown_is_a_schema() {
    let shown: Value = serde_json::from_str(&printed::only("docs/wire-format.md", "json")).expect("JSON");
    let validator = schemas::with_ours(&shown);
    let golden = schemas::golden();
    let of = |kind: &str| golden.iter().filter(|(name, _)| name.starts_with(kind)).collect::<Vec<_>>();
    for (name, value) in of("domain") {
        assert!(validator.is_valid(value), "{name}");
    }
    for (name, value) in of("audit") {
        assert!(!validator.is_valid(value), "{name} is not a domain event");
    }
}

/// The proxy is checked by its directives and by the console's address: nginx is not installed for the tests.
#[test]
fn the_proxy_that_is_shown_leads_to_the_console() {
    let shown = printed::only("docs/console.md", "nginx");
    let mut depth = 0;
    for line in shown.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.chars().last() {
            Some('{') => depth += 1,
            Some('}') => depth -= 1,
            Some(';') => {
                let known = [
                    "listen",
                    "server_name",
                    "proxy_pass",
                    "proxy_set_header",
                    "ssl_certificate",
                    "ssl_certificate_key",
                ];
                let name = line.split_whitespace().next().unwrap_or_default();
                assert!(known.contains(&name), "{name} is not a directive that is known here");
            }
            _ => panic!("{line} has no end"),
        }
        assert!(0 <= depth, "{line} ends what has not begun");
    }
    assert_eq!(depth, 0, "{shown}");
    let console = printed::file("marty-events-cli/src/console/mod.rs");
    let address = shown.split("proxy_pass http://").nth(1).and_then(|rest| rest.split(';').next()).expect("an address");
    assert!(console.contains(address), "the console listens at {address}");
    let url = printed::all("docs/console.md", "sh").into_iter().find(|block| block.text.contains("--public-url"));
    let name = shown.split("server_name ").nth(1).and_then(|rest| rest.split(';').next()).expect("a name");
    assert!(url.expect("the command").text.contains(&format!("--public-url https://{name}")), "{name}");
    assert!(root().join("docs/console.md").is_file());
}
