//! Files of events, which `marty_events::catalogue` writes.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use marty_events::catalogue::{Catalogue, Change, compare};
use serde::Serialize;

use crate::{
    exit::Exit,
    failure::{Failure, Result},
    output::{self, Output, or_dash},
    plain::{self, plain},
};

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogueCommand {
    /// List the events of each file.
    #[command(after_help = "Example:\n  marty-events catalogue show events.json")]
    Show(Files),
    /// Compare two files: each change, and the readers that it breaks. Ends with 3 if a reader breaks.
    #[command(
        after_help = "Example:\n  git show main:events.json > old.json\n  marty-events catalogue diff old.json events.json"
    )]
    Diff {
        /// The file before the change.
        old: PathBuf,
        /// The file after the change.
        new: PathBuf,
    },
    /// Print an `AsyncAPI` 3.0 document for each file.
    #[command(after_help = "Example:\n  marty-events catalogue asyncapi events.json > asyncapi.json")]
    Asyncapi(Files),
    /// Print a page with tables and a mermaid picture for each file.
    #[command(after_help = "Example:\n  marty-events catalogue markdown events.json > events.md")]
    Markdown(Files),
}

#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Files of events.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(command: &CatalogueCommand, output: Output) -> Result<Exit> {
    match command {
        CatalogueCommand::Show(files) => {
            for file in &files.files {
                output.answer(&Shown(read(file)?))?;
            }
        }
        CatalogueCommand::Diff { old, new } => {
            let differences = Differences::of(&compare(&read(old)?, &read(new)?));
            output.answer(&differences)?;
            if differences.breaking {
                return Ok(Exit::Found);
            }
        }
        // The documents have a form of their own, so `--json` changes nothing in them.
        CatalogueCommand::Asyncapi(files) => {
            for file in &files.files {
                output::write(plain::json(&read(file)?.to_asyncapi()).as_bytes())?;
            }
        }
        CatalogueCommand::Markdown(files) => {
            for file in &files.files {
                output::write(plain::lines(&read(file)?.to_markdown()).as_bytes())?;
            }
        }
    }
    Ok(Exit::Done)
}

pub(super) fn read(file: &Path) -> Result<Catalogue> {
    let name = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::new(Exit::Usage, format!("the file `{name}` cannot be read")).because(&error))?;
    Catalogue::from_json(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("the file `{name}` is not a catalogue of events that can be read here"))
            .because(&error)
            .advise("let the service's test write it with `marty_events::catalogue::assert_compatible`")
    })
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Catalogue);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let catalogue = &self.0;
        writeln!(f, "{}", plain(&catalogue.service))?;
        let published = catalogue.publishes.iter().map(|event| {
            [
                plain(&catalogue.topic_of(event)),
                plain(&event.event_type),
                plain(&event.kind),
                event.version.to_string(),
                or_dash(event.key.as_deref()),
                plain(&event.ordering),
                plain(&event.route),
            ]
        });
        let names = ["PUBLISHES", "TYPE", "KIND", "VERSION", "KEY", "ORDERING", "ROUTE"];
        writeln!(f, "{}", output::table(names, published))?;
        if catalogue.handles.is_empty() {
            return Ok(());
        }
        let handled = catalogue.handles.iter().map(|event| {
            let versions: Vec<String> = event.versions.iter().map(u32::to_string).collect();
            let versions = if versions.is_empty() { "all".to_owned() } else { versions.join(", ") };
            [plain(&event.topic), plain(&event.event_type), or_dash(event.group.as_deref()), versions]
        });
        writeln!(f, "{}", output::table(["HANDLES", "TYPE", "GROUP", "VERSIONS"], handled))
    }
}

#[derive(Serialize)]
struct Differences {
    breaking: bool,
    changes: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    event: String,
    path: String,
    change: &'static str,
    old_readers: &'static str,
    new_readers: &'static str,
    advice: &'static str,
}

impl Differences {
    fn of(changes: &[Change]) -> Self {
        Self {
            breaking: changes.iter().any(Change::is_breaking),
            changes: changes
                .iter()
                .map(|change| Difference {
                    event: change.event.clone(),
                    path: change.path.clone(),
                    change: change.kind,
                    old_readers: change.old_readers.as_str(),
                    new_readers: change.new_readers.as_str(),
                    advice: change.advice(),
                })
                .collect(),
        }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return f.write_str("no change");
        }
        let rows = self.changes.iter().map(|change| {
            [
                plain(&change.event),
                or_dash(Some(change.path.as_str()).filter(|path| !path.is_empty())),
                change.change.to_owned(),
                change.old_readers.to_owned(),
                change.new_readers.to_owned(),
                change.advice.to_owned(),
            ]
        });
        f.write_str(&output::table(["EVENT", "FIELD", "CHANGE", "OLD READERS", "NEW READERS", "ADVICE"], rows))
    }
}
