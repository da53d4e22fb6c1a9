//! Answers: text for people, JSON for programs.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use comfy_table::{ContentArrangement, Table, presets};
use console::style;
use serde::Serialize;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

use crate::failure::{Failure, Result};

/// Where answers go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Writes an answer, or one line of a stream, at once: its JSON on one line, or its text.
    pub(crate) fn answer(self, answer: &(impl Serialize + Display)) -> Result<()> {
        let mut text =
            if self.json { serde_json::to_string(answer).map_err(io::Error::other)? } else { answer.to_string() };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        write(text.as_bytes())
    }

    /// A word to the person at the terminal that belongs to no answer.
    pub(crate) fn remark(self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// Why nothing came of it.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_silent {
            return;
        }
        if self.json {
            // It has only texts and a number in it, which always can be written.
            eprintln!("{}", serde_json::to_string(failure).unwrap_or_default());
            return;
        }
        eprintln!("{} {}", style("error:").for_stderr().red().bold(), failure.error);
        for cause in &failure.causes {
            eprintln!("  because: {cause}");
        }
        if let Some(advice) = &failure.advice {
            eprintln!("  {} {advice}", style("what to do:").for_stderr().bold());
        }
    }
}

/// Writes to standard output; the reader may have gone.
pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// A text from an event, as a terminal may show it: what could move the cursor or change colours is written out.
pub(crate) fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, letter| {
        // Bidirectional overrides make a text look like another one (Unicode Technical Report 36, 2.6).
        if letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            plain.extend(letter.escape_default());
        } else {
            plain.push(letter);
        }
        plain
    })
}

/// A text that may be absent.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), plain)
}

/// Columns under their names, without lines between them.
pub(crate) fn table<const COLUMNS: usize>(
    names: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(names);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Logs to standard error; `RUST_LOG` has the last word.
pub(crate) fn log(level: LevelFilter) {
    let has_colours = io::stderr().is_terminal() && console::colors_enabled_stderr();
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(has_colours).with_writer(io::stderr).init();
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_terminal_is_told_nothing_by_an_event() {
        assert_eq!(plain("user-1 ü"), "user-1 ü");
        assert_eq!(plain("a\x1b[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
    }
}
