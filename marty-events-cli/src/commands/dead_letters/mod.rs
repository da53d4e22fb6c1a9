//! `dead-letters`: the events that the broker refused for good, or that a group of consumers has given up.

mod bulk;
mod chosen;
mod letters;
mod list;
mod of_group;
mod of_outbox;
mod show;

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::{
    database::{GroupTable, Outbox},
    exit::Exit,
    failure::Result,
    output::Output,
    shared::Shared,
    time::duration,
};
use letters::Letters;
use of_group::GroupLetters;

#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    /// The dead letters of this group of consumers, in place of the outbox's [default: the outbox's].
    #[arg(long, global = true, value_name = "GROUP", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    group: Option<String>,
    #[command(flatten)]
    table: GroupTable,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List dead letters with their reasons, in the order in which the events were written.
    #[command(after_help = "Example:\n  marty-events dead-letters list --type user_created --limit 20")]
    List(ListArguments),
    /// Show one dead letter with all its fields.
    #[command(after_help = "Example:\n  marty-events dead-letters show 0193f1a2-7c1e-7d3a-9b7e-2f6d0c1b8a55 --payload")]
    Show {
        /// The event's id.
        id: String,
        /// Show headers and payload too. They may hold personal data.
        #[arg(long)]
        payload: bool,
    },
    /// Put dead letters back: at the end of the outbox under their own ids, or at their old places in a group.
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
    /// Empty payload and headers of the outbox's dead letters, which may hold personal data. A redacted one cannot be requeued.
    #[command(
        override_usage = "marty-events dead-letters redact [OPTIONS] <ID>...\n       marty-events dead-letters redact [OPTIONS] --all\n       marty-events dead-letters redact [OPTIONS] <--topic <TOPIC>|--type <TYPE>|--older-than <AGE>>...",
        after_help = "Example:\n  marty-events dead-letters redact 0193f1a2-7c1e-7d3a-9b7e-2f6d0c1b8a55"
    )]
    Redact(Irreversible),
}

/// A selection of dead letters by common properties.
#[derive(Debug, Args)]
struct Filter {
    /// Only dead letters for this topic [default: every topic].
    #[arg(long)]
    topic: Option<String>,
    /// Only the outbox's dead letters of this event type [default: every type].
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only dead letters that died at least this long ago, for example `30d` [default: every age].
    #[arg(long, value_parser = duration, value_name = "AGE")]
    older_than: Option<Duration>,
}

#[derive(Debug, Args)]
struct ListArguments {
    #[command(flatten)]
    filter: Filter,
    /// The number of dead letters to show.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Begin behind this event, the last one of the page before [default: at the first].
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

/// A selection of dead letters: by ids, or by a filter.
#[derive(Debug, Args)]
struct Selection {
    /// Ids of dead letters.
    #[arg(value_name = "ID", required_unless_present_any = ["all", "topic", "event_type", "older_than"],
        conflicts_with_all = ["all", "topic", "event_type", "older_than"])]
    ids: Vec<String>,
    /// All dead letters.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Args)]
struct Irreversible {
    #[command(flatten)]
    selection: Selection,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(command: DeadLetters, shared: &Shared, output: Output) -> Result<Exit> {
    let DeadLetters { group, table, verb } = command;
    let outbox = Outbox::reached(shared).await?;
    match group {
        Some(group) => act(verb, &GroupLetters::new(table.inbox_of(&outbox)?, group), output).await,
        None => act(verb, &outbox.repository, output).await,
    }
}

async fn act(verb: Verb, letters: &impl Letters, output: Output) -> Result<Exit> {
    match verb {
        Verb::List(arguments) => list::run(&arguments, letters, output).await,
        Verb::Show { id, payload } => show::run(&id, payload, letters, output).await,
        Verb::Requeue(selection) => bulk::requeue(selection, letters, output).await,
        Verb::Discard(arguments) => bulk::discard(arguments, letters, output).await,
        Verb::Redact(arguments) => bulk::redact(arguments, letters, output).await,
    }
}
