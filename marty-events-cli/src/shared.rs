//! The options that name the outbox. Every command has them.

use clap::{ArgAction, Args};

/// The heading of these options in every help.
pub(crate) const GLOBAL: &str = "Global options";

/// The place of the outbox, and the form of answers.
#[derive(Debug, Clone, Args)]
pub(crate) struct Shared {
    /// The outbox database: postgres://.., mysql://.. or sqlite://.. (those that are built in) [default: none].
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true, value_name = "URL", help_heading = GLOBAL)]
    database_url: Option<String>,
    #[arg(long, env = "EVENT_OUTBOX_TABLE", global = true, help_heading = GLOBAL,
        help = "The outbox table, as table or schema.table [default: event_outbox]")]
    table: Option<String>,
    /// Answer in JSON: one object for an answer, one object a line for a list or a stream. Errors are JSON too, on standard error.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Print this help.
    #[arg(short, long, action = ArgAction::Help, global = true, help_heading = GLOBAL)]
    help: Option<bool>,
    /// Print the version.
    #[arg(short = 'V', long, action = ArgAction::Version, global = true, help_heading = GLOBAL)]
    version: Option<bool>,
}

impl Shared {
    /// An empty URL counts as absent, as in [`EventConfig`](marty_events::EventConfig).
    pub(crate) fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref().map(str::trim).filter(|url| !url.is_empty())
    }

    pub(crate) fn table_name(&self) -> Option<&str> {
        self.table.as_deref().map(str::trim).filter(|table| !table.is_empty())
    }
}
