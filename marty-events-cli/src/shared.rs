//! The options that name the outbox. Every command has them.

use clap::Args;
/// The place of the outbox.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// The outbox database: postgres://.., mysql://.. or sqlite://.. (those that are built in).
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// The outbox table, as table or schema.table; `event_outbox` unless set.
    #[arg(long, env = "EVENT_OUTBOX_TABLE", global = true)]
    table: Option<String>,
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
