//! Every relative link of the documentation leads to a file, and to a heading of it.

use std::path::PathBuf;

use super::{files, read, root};

fn pages() -> Vec<PathBuf> {
    let root = root();
    let mut pages: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].iter().map(|name| root.join(name)).collect();
    for folder in ["docs", "examples", "packaging"] {
        pages.extend(files(&root.join(folder), "md"));
    }
    pages
}

/// The text without its code blocks.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let is_prose = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    };
    text.lines().filter(is_prose).collect::<Vec<_>>().join("\n")
}

/// The targets of `[text](target)`, outside of `code`.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let without_code: String = prose.split('`').step_by(2).collect();
    without_code
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split_whitespace().next().unwrap_or_default().to_owned())
        .collect()
}

/// The anchor that a link to the heading names.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

fn anchors(text: &str) -> Vec<String> {
    prose(text).lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for page in pages() {
        let text = read(&page);
        for target in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (path, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() { page.clone() } else { page.parent().expect("a folder").join(path) };
            if !file.exists() {
                wrong.push(format!("{}: no file {target}", page.display()));
            } else if !fragment.is_empty() && !anchors(&read(&file)).iter().any(|anchor| anchor == fragment) {
                wrong.push(format!("{}: no heading {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(100 < checked, "only {checked} links were found");
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let docs = root().join("docs");
    let summary = read(&docs.join("SUMMARY.md"));
    let listed = targets(&summary);
    for page in files(&docs, "md") {
        let path = page.strip_prefix(&docs).expect("below docs").to_string_lossy().replace('\\', "/");
        assert!(path == "SUMMARY.md" || listed.contains(&path), "{path} is in no chapter of SUMMARY.md");
    }
}

#[test]
fn headings_are_linked_as_the_common_renderers_do() {
    assert_eq!(anchor("## `event_type`, and more"), "event_type-and-more");
    assert_eq!(targets("[a](b.md#c) `[no](x)` [d](e \"title\")\n```\n[no](y)\n```\n"), ["b.md#c", "e"]);
}
