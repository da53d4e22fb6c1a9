//! The fenced blocks of the documentation, for the tests that run them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A fenced block of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The page's path in the project.
    pub page: String,
    /// The last heading before it.
    pub heading: String,
    /// The line of its fence.
    pub line: usize,
    /// The words behind the fence: the language, and for whom it is.
    pub info: String,
    /// The text.
    pub text: String,
}

/// The project's folder.
///
/// # Panics
///
/// Never: the tests are in a folder of the project.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the project").to_owned()
}

/// A file of the project.
///
/// # Panics
///
/// When it cannot be read.
#[must_use]
pub fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The blocks of a page, in their order.
///
/// # Panics
///
/// When the page is missing.
#[must_use]
pub fn blocks(page: &str) -> Vec<Block> {
    blocks_of(page, &file(page))
}

/// The blocks of a page of this text.
///
/// # Panics
///
/// When a block has no end.
#[must_use]
pub fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut heading = String::new();
    let mut open: Option<(Block, usize)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim_start();
        open = match open {
            Some((block, _)) if trimmed.trim_end() == "```" => {
                blocks.push(block);
                None
            }
            Some((mut block, indent)) => {
                block.text.push_str(line.get(indent..).unwrap_or_default());
                block.text.push('\n');
                Some((block, indent))
            }
            None => {
                if line.starts_with('#') {
                    line.trim_start_matches('#').trim().clone_into(&mut heading);
                }
                trimmed.strip_prefix("```").map(|info| {
                    let (page, info) = (page.to_owned(), info.trim().to_owned());
                    let block = Block { page, heading: heading.clone(), line: number, info, text: String::new() };
                    (block, line.len() - trimmed.len())
                })
            }
        };
    }
    assert!(open.is_none(), "{page}: a block has no end");
    blocks
}

/// The blocks of a page with this info.
///
/// # Panics
///
/// When the page has none.
#[must_use]
pub fn all(page: &str, info: &str) -> Vec<Block> {
    let found: Vec<Block> = blocks(page).into_iter().filter(|block| block.info == info).collect();
    assert!(!found.is_empty(), "{page} has no block `{info}`");
    found
}

/// The text of the only block of a page with this info.
///
/// # Panics
///
/// When the page has none, or several.
#[must_use]
pub fn only(page: &str, info: &str) -> String {
    let mut found = all(page, info);
    assert_eq!(found.len(), 1, "{page} has several blocks `{info}`");
    found.remove(0).text
}

/// The block of this info below this heading of a page.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn under(page: &str, heading: &str, info: &str) -> String {
    let found = all(page, info).into_iter().find(|block| block.heading == heading);
    found.unwrap_or_else(|| panic!("{page}: no `{info}` below {heading}")).text
}

/// `text` with its own address, path or name in place of one that the documentation made up.
///
/// # Panics
///
/// When `printed` is not in it: then the test would not run the printed text.
#[must_use]
pub fn with(text: &str, printed: &str, here: &str) -> String {
    assert!(text.contains(printed), "{printed} is not in:\n{text}");
    text.replace(printed, here)
}
