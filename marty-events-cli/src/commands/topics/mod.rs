//! The topics of a file: which of them a cluster lacks, and making those.

mod apply;
mod file;
mod plan;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::{exit::Exit, failure::Result, kafka, output::Output, shared::Shared, time::duration};
use file::{Defaults, Names};

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Compare the topics of a file with those of the cluster. Changes nothing. Ends with 3 if a topic differs.
    #[command(after_help = "Example:\n  marty-events topics plan events.json")]
    Plan(TopicsArguments),
    /// Create the missing topics. Ends with 3, and changes nothing, if a topic differs.
    #[command(
        after_help = "Example:\n  marty-events topics apply events.json --partitions 6 --replication 3 --config min.insync.replicas=2"
    )]
    Apply(TopicsArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TopicsArguments {
    /// A file of events, as `catalogue` reads it, or a file of topics.
    file: PathBuf,
    /// Partitions of a topic for which the file has no number [default: the broker's].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "NUMBER")]
    partitions: Option<u16>,
    /// Copies of a partition for which the file has no number [default: the broker's].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "NUMBER")]
    replication: Option<u16>,
    /// A setting of each topic that the file does not set, such as min.insync.replicas=2; may be repeated [default: the broker's settings].
    #[arg(long, value_parser = setting, value_name = "NAME=VALUE")]
    config: Vec<(String, String)>,
    /// Add partitions to topics that have too few. Keys move to other partitions, so events of one key may be read out of order.
    #[arg(long)]
    add_partitions: bool,
    /// The longest time that the brokers may take to answer.
    #[arg(long, value_parser = duration, default_value = "30s", value_name = "TIME")]
    timeout: Duration,
}

pub(crate) async fn run(command: TopicsCommand, shared: &Shared, output: Output) -> Result<Exit> {
    let (arguments, is_plan) = match command {
        TopicsCommand::Plan(arguments) => (arguments, true),
        TopicsCommand::Apply(arguments) => (arguments, false),
    };
    let config = kafka::config(shared)?;
    let defaults = Defaults {
        partitions: arguments.partitions,
        replication: arguments.replication,
        config: arguments.config.into_iter().collect(),
    };
    let wanted = file::read(&arguments.file, &Names::of(&config), defaults)?;
    let cluster = apply::Cluster::connect(&config, arguments.timeout).await?;
    let mut plan = plan::Plan::new(wanted, &cluster.look().await?, arguments.add_partitions);
    if plan.is_refused() {
        output.answer(&plan)?;
        return Ok(Exit::Found);
    }
    // The brokers know rules that a file does not show, such as the number of nodes. Nothing is made if one refuses.
    cluster.carry_out(&plan, true).await?;
    if !is_plan {
        cluster.carry_out(&plan, false).await?;
        plan.done();
    }
    output.answer(&plan)?;
    Ok(Exit::Done)
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write NAME=VALUE, for example retention.ms=604800000".to_owned()),
    }
}
