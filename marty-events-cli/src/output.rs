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

/// The form of answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// True for programs as readers.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Writes an answer, or one line of a stream, at once: its JSON on one line, or its text.
    pub(crate) fn answer(self, answer: &(impl Serialize + Display)) -> Result<()> {
        if self.json {
            return object(answer);
        }
        let mut text = answer.to_string();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        write(text.as_bytes())
    }

    /// Writes a remark for the person at the terminal. It is not part of an answer.
    pub(crate) fn remark(self, text: &str) {
        if !self.json {
            eprintln!("{}", plain::lines(text));
        }
    }

    /// Writes a failure with its causes and its advice.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_silent {
            return;
        }
        if self.json {
            // Texts and a number always have a JSON form.
            eprintln!("{}", plain::json(&serde_json::to_string(failure).unwrap_or_default()));
            return;
        }
        eprintln!("{} {}", style("error:").for_stderr().red().bold(), plain::lines(&failure.error));
        for cause in &failure.causes {
            eprintln!("  because: {}", plain::lines(cause).replace('\n', "\n    "));
        }
        if let Some(advice) = &failure.advice {
            eprintln!(
                "  {} {}",
                style("what to do:").for_stderr().bold(),
                plain::lines(advice).replace('\n', "\n    ")
            );
        }
    }
}

/// Writes JSON on one line.
pub(crate) fn object(answer: &impl Serialize) -> Result<()> {
    let text = plain::json(&serde_json::to_string(answer).map_err(io::Error::other)?);
    write(format!("{text}\n").as_bytes())
}

/// Writes to standard output. It fails where the reader has gone.
pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// A text, or a dash in its place.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), plain)
}

/// A table without lines: columns under their names.
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

/// Logs to standard error. `RUST_LOG` overrides `level`.
pub(crate) fn log(level: LevelFilter) {
    let has_colours = io::stderr().is_terminal() && console::colors_enabled_stderr();
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    // A field may come from an event: a topic, a key, the reason of a refusal.
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
