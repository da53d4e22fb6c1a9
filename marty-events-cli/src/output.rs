//! Answers: text for people, JSON for programs.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use comfy_table::{ContentArrangement, Table, presets};
use console::style;
use serde::Serialize;
use tracing_subscriber::{
    field::MakeExt,
    filter::{EnvFilter, LevelFilter},
    fmt::format::debug_fn,
};

use crate::{
    failure::{Failure, Result},
    plain::{self, plain},
};

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
        let mut text = if self.json {
            plain::json(&serde_json::to_string(answer).map_err(io::Error::other)?)
        } else {
            answer.to_string()
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        write(text.as_bytes())
    }

    /// A word to the person at the terminal that belongs to no answer.
    pub(crate) fn remark(self, text: &str) {
        if !self.json {
            eprintln!("{}", plain::lines(text));
        }
    }

    /// Why nothing came of it.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_silent {
            return;
        }
        if self.json {
            // It has only texts and a number in it, which always can be written.
            eprintln!("{}", plain::json(&serde_json::to_string(failure).unwrap_or_default()));
            return;
        }
        eprintln!("{} {}", style("error:").for_stderr().red().bold(), plain::lines(&failure.error));
        for cause in &failure.causes {
            eprintln!("  because: {}", plain::lines(cause).replace('\n', "\n    "));
        }
        if let Some(advice) = &failure.advice {
            eprintln!("  {} {}", style("what to do:").for_stderr().bold(), plain::lines(advice));
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
    // A field may be a text of an event's: a topic, a key, the reason of a refusal.
    let fields = debug_fn(|writer, field, value| {
        let value = plain(&format!("{value:?}"));
        if field.name() == "message" { writer.write_str(&value) } else { write!(writer, "{field}={value}") }
    });
    tracing_subscriber::fmt()
        .fmt_fields(fields.delimited(" "))
        .with_env_filter(filter)
        .with_ansi(has_colours)
        .with_writer(io::stderr)
        .init();
}
