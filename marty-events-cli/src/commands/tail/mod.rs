//! `tail`: published events as they come.

mod event;
mod kafka;
mod outbox;
mod topics;

use clap::{Args, ValueEnum};

use crate::{exit::Exit, failure::Result, output::Output, shared::Shared, stop};
use event::TailedEvent;
use topics::Topics;

#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// Names of topics, or regular expressions that begin with `^` [default: all topics of `EVENT_TOPIC_PREFIX`].
    #[arg(conflicts_with = "outbox", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Follow the outbox instead of Kafka. The command reads it four times a second, so it misses events that are delivered
    /// sooner.
    #[arg(long)]
    outbox: bool,
    /// Show the events that this group of consumers has not handled yet: from its offsets on, of the topics that it reads unless some
    /// are named. Joins no group, and changes no offset [default: no group].
    #[arg(long, conflicts_with_all = ["outbox", "from"], value_name = "GROUP",
        value_parser = clap::builder::NonEmptyStringValueParser::new())]
    group: Option<String>,
    /// The place to begin at: the present events, or those to come [default: end, and beginning with --no-follow].
    #[arg(long, value_enum, value_name = "PLACE")]
    from: Option<Start>,
    /// End once all present events were read, instead of waiting for more.
    #[arg(long)]
    no_follow: bool,
    /// End after this number of events [default: no limit].
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    #[command(flatten)]
    filter: Filter,
    /// Show the payloads too. They may hold personal data.
    #[arg(long)]
    payload: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Start {
    // A doc comment would turn the whole help into its long form.
    Beginning,
    End,
}

/// A choice of events.
#[derive(Debug, Args)]
struct Filter {
    /// Only events of this type; may be given several times [default: every type].
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only events with this key; may be given several times [default: every key].
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
}

impl TailArguments {
    fn from(&self) -> Start {
        self.from.unwrap_or(if self.no_follow { Start::Beginning } else { Start::End })
    }
}

impl Filter {
    fn takes(&self, event: &TailedEvent) -> bool {
        let is_among = |wanted: &[String], value: Option<&str>| {
            wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|wanted| wanted == value))
        };
        is_among(&self.types, event.event_type.as_deref()) && is_among(&self.keys, event.key.as_deref())
    }
}

/// Shows events until the limit.
struct Show {
    output: Output,
    filter: Filter,
    left: Option<u64>,
}

impl Show {
    /// Shows the event if the filter takes it. Returns false at the limit.
    fn show(&mut self, event: &TailedEvent) -> Result<bool> {
        if self.left == Some(0) {
            return Ok(false);
        }
        if self.filter.takes(event) {
            self.output.answer(event)?;
            self.left = self.left.map(|left| left - 1);
        }
        Ok(self.left != Some(0))
    }
}

pub(crate) async fn run(arguments: TailArguments, shared: &Shared, output: Output) -> Result<Exit> {
    let (from, stop) = (arguments.from(), stop::when_asked());
    let TailArguments { topics, outbox, group, no_follow, limit, filter, payload, .. } = arguments;
    let show = Show { output, filter, left: limit };
    if outbox {
        outbox::follow(shared, from, no_follow, payload, show, &stop).await?;
    } else {
        let config = crate::kafka::config(shared)?;
        let follow = move || {
            let (topics, begin) = match group {
                Some(group) => kafka::not_handled(&config, &group, &topics)?,
                None => (Topics::parse(&topics, config.topic_prefix())?, from.into()),
            };
            kafka::follow(&config, &topics, &begin, no_follow, payload, show, &stop)
        };
        // Calls of the Kafka client block the thread.
        let followed = tokio::task::spawn_blocking(follow);
        followed.await.map_err(std::io::Error::other)??;
    }
    Ok(Exit::Done)
}
