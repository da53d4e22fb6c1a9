//! `doctor`: checks, with advice on each fault.

mod broker;
mod direct;
mod environment;
mod outbox;
mod report;
mod topics;

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{database::Outbox, exit::Exit, failure::Result, output::Output, shared::Shared, time::duration};
use report::{Check, Report};

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// The longest time that the oldest event may have waited.
    #[arg(long, value_parser = duration, default_value = "60s", value_name = "AGE")]
    max_age: Duration,
    /// The longest time that the broker may take to answer.
    #[arg(long, value_parser = duration, default_value = "10s", value_name = "TIME")]
    timeout: Duration,
    /// A service's catalogue, whose domain events without a transaction are listed.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Exit with code 3 for a warning too.
    #[arg(long)]
    strict: bool,
}

pub(crate) async fn run(arguments: &DoctorArguments, shared: &Shared, output: Output) -> Result<Exit> {
    let catalogue = arguments.catalogue.as_deref().map(super::catalogue::read).transpose()?;
    let mut report = Report::default();
    let config = environment::check(shared, &mut report);
    let outbox = match Outbox::of(shared) {
        Ok(outbox) => outbox::check(&outbox, arguments.max_age, &mut report).await,
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
        broker::check(config, waiting, arguments.timeout, &mut report).await?;
    }
    report.skip_the_rest();
    if let Some(catalogue) = catalogue {
        report.add(direct::check(&catalogue));
    }
    let exit = report.exit(arguments.strict);
    output.answer(&report)?;
    Ok(exit)
}
