//! `dead-letters`: the events that the broker refused for good.

mod bulk;
mod chosen;
mod letter;
mod list;
mod show;

use std::time::Duration;

use clap::{Args, Subcommand};
use marty_events::outbox::DeadLetterQuery;
use uuid::Uuid;

use crate::{database::Outbox, exit::Exit, failure::Result, output::Output, shared::Shared, time::duration};

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List dead letters with their reasons, in the order in which the events were written.
    #[command(after_help = "Example:\n  marty-events dead-letters list --type user_created --limit 20")]
    List(ListArguments),
    /// Show one dead letter with all its fields.
    #[command(after_help = "Example:\n  marty-events dead-letters show 0193f1a2-7c1e-7d3a-9b7e-2f6d0c1b8a55 --payload")]
    Show {
        /// The event's id.
        id: Uuid,
        /// Show headers and payload too. They may hold personal data.
        #[arg(long)]
        payload: bool,
    },
    /// Put dead letters back at the end of the outbox, under their own ids.
    #[command(
        override_usage = "marty-events dead-letters requeue [OPTIONS] <ID>...\n       marty-events dead-letters requeue [OPTIONS] --all\n       marty-events dead-letters requeue [OPTIONS] <--topic <TOPIC>|--type <TYPE>|--older-than <AGE>>...",
        after_help = "Example:\n  marty-events dead-letters requeue --topic marty.users.user.created"
    )]
    Requeue(Selection),
    /// Delete dead letters for good.
    #[command(
        override_usage = "marty-events dead-letters discard [OPTIONS] <ID>...\n       marty-events dead-letters discard [OPTIONS] --all\n       marty-events dead-letters discard [OPTIONS] <--topic <TOPIC>|--type <TYPE>|--older-than <AGE>>...",
        after_help = "Example:\n  marty-events dead-letters discard --older-than 30d --yes"
    )]
    Discard(Irreversible),
    /// Empty payload and headers of dead letters, which may hold personal data. A redacted one cannot be requeued.
    #[command(
        override_usage = "marty-events dead-letters redact [OPTIONS] <ID>...\n       marty-events dead-letters redact [OPTIONS] --all\n       marty-events dead-letters redact [OPTIONS] <--topic <TOPIC>|--type <TYPE>|--older-than <AGE>>...",
        after_help = "Example:\n  marty-events dead-letters redact 0193f1a2-7c1e-7d3a-9b7e-2f6d0c1b8a55"
    )]
    Redact(Irreversible),
}

/// A selection of dead letters by common properties.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only dead letters for this topic [default: every topic].
    #[arg(long)]
    topic: Option<String>,
    /// Only dead letters of this event type [default: every type].
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only dead letters that died longer ago than this, for example `30d` [default: every age].
    #[arg(long, value_parser = duration, value_name = "AGE")]
    older_than: Option<Duration>,
}

impl Selection {
    /// The parser demands ids, or a filter.
    fn has_no_filter(&self) -> bool {
        let Filter { topic, event_type, older_than } = &self.filter;
        !self.all && topic.is_none() && event_type.is_none() && older_than.is_none()
    }
}

impl Filter {
    fn to_query(&self) -> DeadLetterQuery {
        let mut query = DeadLetterQuery::default();
        if let Some(topic) = &self.topic {
            query = query.topic(topic);
        }
        if let Some(event_type) = &self.event_type {
            query = query.event_type(event_type);
        }
        if let Some(age) = self.older_than {
            query = query.older_than(age);
        }
        query
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    filter: Filter,
    /// The number of dead letters to show.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Begin behind this event, the last one of the page before [default: at the first].
    #[arg(long, value_name = "ID")]
    after: Option<Uuid>,
}

/// A selection of dead letters: by ids, or by a filter.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Ids of dead letters.
    #[arg(value_name = "ID", required_unless_present_any = ["all", "topic", "event_type", "older_than"],
        conflicts_with_all = ["all", "topic", "event_type", "older_than"])]
    ids: Vec<Uuid>,
    /// All dead letters.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Args)]
pub(crate) struct Irreversible {
    #[command(flatten)]
    selection: Selection,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(command: DeadLetters, shared: &Shared, output: Output) -> Result<Exit> {
    let outbox = Outbox::reached(shared).await?.repository;
    match command {
        DeadLetters::List(arguments) => list::run(&arguments, &outbox, output).await,
        DeadLetters::Show { id, payload } => show::run(id, payload, &outbox, output).await,
        DeadLetters::Requeue(selection) => bulk::requeue(selection, &outbox, output).await,
        DeadLetters::Discard(arguments) => bulk::discard(arguments, &outbox, output).await,
        DeadLetters::Redact(arguments) => bulk::redact(arguments, &outbox, output).await,
    }
}
