//! `tail`: what is published, as it comes.

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
    /// Topics by their names, or regular expressions that begin with `^`; all topics of `EVENT_TOPIC_PREFIX` unless given.
    #[arg(conflicts_with = "outbox")]
    topics: Vec<String>,
    /// Follow the outbox instead: what is written there, until it is delivered. An event that leaves sooner than it is looked
    /// for, four times a second, is not seen.
    #[arg(long)]
    outbox: bool,
    /// Where to begin: `end` unless set, and `beginning` with --no-follow.
    #[arg(long, value_enum)]
    from: Option<Start>,
    /// End when everything that is there was read, instead of waiting for more.
    #[arg(long)]
    no_follow: bool,
    /// End after so many events.
    #[arg(long)]
    limit: Option<u64>,
    #[command(flatten)]
    filter: Filter,
    /// Show the payloads too. There may be personal data in them.
    #[arg(long)]
    payload: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Start {
    /// What is there already, and then what comes.
    Beginning,
    /// What comes.
    End,
}

/// Which events are shown.
#[derive(Debug, Args)]
struct Filter {
    /// Those of this event type; may be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Those with this key; may be given several times.
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

/// Shows events until there were enough of them.
struct Show {
    output: Output,
    filter: Filter,
    left: Option<u64>,
}

impl Show {
    /// Whether more is wanted.
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
    let TailArguments { topics, outbox, no_follow, limit, filter, payload, .. } = arguments;
    let show = Show { output, filter, left: limit };
    if outbox {
        outbox::follow(shared, from, no_follow, payload, show, &stop).await?;
    } else {
        let config = crate::kafka::config(shared)?;
        let topics = Topics::parse(&topics, config.topic_prefix())?;
        // The Kafka client is one to wait for.
        let followed =
            tokio::task::spawn_blocking(move || kafka::follow(&config, &topics, from, no_follow, payload, show, &stop));
        followed.await.map_err(std::io::Error::other)??;
    }
    Ok(Exit::Done)
}
