//! `dead-letters`: the events that the broker refused for good.

mod bulk;
mod letter;
mod list;
mod show;

use std::time::Duration;

use clap::{Args, Subcommand};
use marty_events::outbox::DeadLetterFilter;
use uuid::Uuid;

pub(crate) use letter::value;

use crate::{database::Outbox, exit::Exit, failure::Result, output::Output, shared::Shared, time::duration};

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List them in the order in which they were written, with the reasons.
    #[command(after_help = "Example:\n  marty-events dead-letters list --type user_created --limit 20")]
    List(ListArguments),
    /// Show one of them whole.
    #[command(after_help = "Example:\n  marty-events dead-letters show 0193f1a2-7c1e-7d3a-9b7e-2f6d0c1b8a55 --payload")]
    Show {
        /// The event's id.
        id: Uuid,
        /// Show the headers and the payload too. There may be personal data in them.
        #[arg(long)]
        payload: bool,
    },
    /// Put them back at the end of the outbox, with the ids they have.
    #[command(after_help = "Example:\n  marty-events dead-letters requeue --topic marty.users.user.created")]
    Requeue(Selection),
    /// Delete them for good.
    #[command(after_help = "Example:\n  marty-events dead-letters discard --older-than 720h --yes")]
    Discard(Irreversible),
    /// Empty them of payload and headers, for the sake of the personal data in them. They can be requeued no more.
    #[command(after_help = "Example:\n  marty-events dead-letters redact 0193f1a2-7c1e-7d3a-9b7e-2f6d0c1b8a55")]
    Redact(Irreversible),
}

/// Which are meant, by what they have in common.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Those that were bound for this topic.
    #[arg(long)]
    topic: Option<String>,
    /// Those of this event type.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Those that died longer ago than this, for example `720h`.
    #[arg(long, value_parser = duration, value_name = "AGE")]
    older_than: Option<Duration>,
}

impl Filter {
    fn to_filter(&self) -> DeadLetterFilter {
        let mut filter = DeadLetterFilter::default();
        if let Some(topic) = &self.topic {
            filter = filter.topic(topic);
        }
        if let Some(event_type) = &self.event_type {
            filter = filter.event_type(event_type);
        }
        if let Some(age) = self.older_than {
            filter = filter.older_than(age);
        }
        filter
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    filter: Filter,
    /// How many.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Begin behind this event, the last of the page before.
    #[arg(long, value_name = "ID")]
    after: Option<Uuid>,
}

/// Which are meant: ids, or all that a filter means.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Their ids.
    #[arg(required_unless_present_any = ["all", "topic", "event_type", "older_than"],
        conflicts_with_all = ["all", "topic", "event_type", "older_than"])]
    ids: Vec<Uuid>,
    /// All of them.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Args)]
pub(crate) struct Irreversible {
    #[command(flatten)]
    selection: Selection,
    /// Do not ask.
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
