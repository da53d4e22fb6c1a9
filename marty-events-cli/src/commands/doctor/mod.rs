//! `doctor`: checks, with advice on each fault.

mod broker;
mod direct;
mod environment;
mod explanation;
mod groups;
mod inbox;
mod outbox;
mod prefix;
mod report;
mod topics;

use std::{path::PathBuf, time::Duration};

use clap::{
    Args,
    builder::{NonEmptyStringValueParser, PossibleValuesParser},
};

use crate::{
    database::{GroupTable, Outbox},
    exit::Exit,
    failure::Result,
    output::Output,
    shared::Shared,
    time::duration,
};
use explanation::{Alone, Explanation};
use report::{Check, Report, State};

/// The value of `--explain` without the name of a check.
const ALL: &str = "all";

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// The longest time that the oldest event may have waited.
    #[arg(long, value_parser = duration, default_value = "60s", value_name = "AGE")]
    max_age: Duration,
    /// The longest time that the broker may take to answer.
    #[arg(long, value_parser = duration, default_value = "10s", value_name = "TIME")]
    timeout: Duration,
    /// A service's catalogue, whose domain events without a transaction are listed [default: none].
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Check this group of consumers; may be given several times [default: the groups of the inbox].
    #[arg(long = "group", value_name = "GROUP", value_parser = NonEmptyStringValueParser::new())]
    groups: Vec<String>,
    #[command(flatten)]
    inbox: GroupTable,
    /// The `inbox_retention` of the groups' consumers, which is compared with the topics [default: not compared].
    #[arg(long, value_parser = duration, value_name = "TIME")]
    inbox_retention: Option<Duration>,
    /// Exit with code 3 for a warning too.
    #[arg(long)]
    strict: bool,
    /// Say with each check why it matters and what to do; with the name of a check, say it of that one and ask no server [default: not said].
    #[arg(long, value_name = "CHECK", num_args = 0..=1, default_missing_value = ALL, value_parser = checks())]
    explain: Option<String>,
}

pub(crate) async fn run(arguments: &DoctorArguments, shared: &Shared, output: Output) -> Result<Exit> {
    let catalogue = arguments.catalogue.as_deref().map(super::catalogue::read).transpose()?;
    let mut report = Report::default();
    if let Some(explanation) = arguments.explain.as_deref().and_then(Explanation::of) {
        output.answer(&Alone::from(explanation))?;
        return Ok(Exit::Done);
    }
    let config = environment::check(shared, &mut report);
    let mut groups = Vec::new();
    let outbox = match Outbox::of(shared) {
        Ok(outbox) => {
            let inbox = arguments.inbox.inbox_of(&outbox)?;
            // Where an outbox is named, it is expected to be there.
            let alone = shared.table_name().is_none().then_some(&inbox);
            let repository = outbox::check(&outbox, alone, arguments.max_age, &mut report).await;
            if report.state("database") == Some(State::Ok) {
                let is_named = !arguments.groups.is_empty() || arguments.inbox.is_named();
                groups = inbox::check(&inbox, &arguments.groups, is_named, &mut report).await;
            }
            repository
        }
        Err(failure) => {
            report.add(Check::failed("database", failure.error, failure.advice.unwrap_or_default()));
            None
        }
    };
    if let Some(config) = config {
        let waiting = match &outbox {
            Some(outbox) => outbox.topics().await.unwrap_or_default(),
            None => Vec::new(),
        };
        broker::check(config.clone(), waiting, arguments.timeout, &mut report).await?;
        if !groups.is_empty() && report.state("broker") == Some(State::Ok) {
            groups::check(config, groups, arguments.inbox_retention, arguments.timeout, &mut report).await?;
        }
    }
    report.skip_the_rest();
    if let Some(catalogue) = catalogue {
        report.add(direct::check(&catalogue));
    }
    let exit = report.exit(arguments.strict);
    if arguments.explain.is_some() {
        report.explain();
    }
    output.answer(&report)?;
    Ok(exit)
}

/// The values of `--explain`.
fn checks() -> PossibleValuesParser {
    PossibleValuesParser::new(std::iter::once(ALL).chain(Explanation::names()))
}
