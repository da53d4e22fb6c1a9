use std::{
    fmt,
    io::IsTerminal,
    time::{Duration, Instant},
};

use clap::Args;
use marty_events::{CancellationToken, OutboxRelay, OutboxRepository};
use serde::Serialize;

use super::relay_settings::RelaySettings;
use crate::{
    database::Outbox,
    exit::Exit,
    failure::{Failure, Result},
    kafka,
    output::Output,
    progress, serve,
    shared::Shared,
    stop,
    time::duration,
};

#[derive(Debug, Args)]
pub(crate) struct RelayArguments {
    #[command(flatten)]
    settings: RelaySettings,
    /// End when the outbox is empty, and report how many events left it.
    #[arg(long)]
    drain: bool,
    /// The longest time that --drain may take, for example `10m` [default: no limit].
    #[arg(long, value_parser = duration, requires = "drain", value_name = "TIME")]
    within: Option<Duration>,
}

impl RelayArguments {
    /// A progress bar takes the place of the log.
    pub(crate) fn has_bar(&self) -> bool {
        self.drain && std::io::stderr().is_terminal()
    }
}

/// The end of a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Empty,
    OutOfTime,
    Stopped,
}

#[derive(Serialize)]
struct Drained {
    /// True if the outbox was empty at the end.
    #[serde(rename = "drained")]
    is_empty: bool,
    /// Events that were delivered meanwhile, by any relay.
    published: u64,
    pending: u64,
    dead: u64,
}

pub(crate) async fn run(arguments: RelayArguments, shared: &Shared, output: Output) -> Result<Exit> {
    let outbox = Outbox::of(shared)?;
    let listen = arguments.settings.listen().map(str::to_owned);
    // The recorder comes first: the relay describes its metrics to it.
    let metrics = listen.as_ref().map(|_| serve::count()).transpose();
    let metrics = metrics.map_err(|error| Failure::new(Exit::Failed, "metrics cannot be counted").because(&error))?;
    let relay = arguments.settings.apply(OutboxRelay::builder(&outbox.pool)).config(kafka::config(shared)?).build()?;
    if let (Some(address), Some(metrics)) = (listen, metrics) {
        serve::serve(&address, metrics, relay.health()).await.map_err(|error| {
            Failure::new(Exit::Failed, format!("--listen {address}: {error}"))
                .advise("give a free address, for example 0.0.0.0:9464")
        })?;
    }
    let stop = stop::when_asked();
    if !arguments.drain {
        relay.run(stop).await?;
        return Ok(Exit::Done);
    }
    let repository = Outbox::reached(shared).await?.repository;
    let before = repository.stats().await?;
    let end = Box::pin(drain(relay, &repository, before.pending, arguments.within, &stop)).await?;
    let after = repository.stats().await?;
    let published = after.published.saturating_sub(before.published);
    output.answer(&Drained { is_empty: end == End::Empty, published, pending: after.pending, dead: after.dead })?;
    Ok(match end {
        End::Empty => Exit::Done,
        End::OutOfTime => Exit::Failed,
        End::Stopped => Exit::Refused,
    })
}

async fn drain(
    relay: OutboxRelay,
    repository: &OutboxRepository,
    backlog: u64,
    within: Option<Duration>,
    stop: &CancellationToken,
) -> Result<End> {
    let done = CancellationToken::new();
    let relaying = async {
        let ended = relay.run(done.clone()).await;
        // A relay that fails at its start must end the watch too.
        done.cancel();
        ended
    };
    let watching = async {
        let end = tokio::select! {
            empty = until_empty(repository, backlog) => empty.map(|()| End::Empty),
            () = after(within) => Ok(End::OutOfTime),
            () = stop.cancelled() => Ok(End::Stopped),
            () = done.cancelled() => Ok(End::Stopped),
        };
        done.cancel();
        end
    };
    let (relayed, end) = tokio::join!(relaying, watching);
    relayed?;
    end
}

async fn until_empty(repository: &OutboxRepository, backlog: u64) -> Result<()> {
    let bar = progress::bar("draining", backlog);
    loop {
        let asked = Instant::now();
        match repository.stats().await {
            Ok(stats) if stats.pending == 0 => {
                bar.finish_and_clear();
                return Ok(());
            }
            Ok(stats) => {
                let total = backlog.max(stats.pending);
                bar.set_length(total);
                bar.set_position(total - stats.pending);
            }
            // The relay waits for the database in the same way.
            Err(error) if error.is_retryable() => {}
            Err(error) => return Err(error.into()),
        }
        // A count reads the whole backlog, so it gets a tenth of the time.
        tokio::time::sleep((asked.elapsed() * 10).clamp(Duration::from_millis(100), Duration::from_secs(5))).await;
    }
}

async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_empty, published, pending, dead } = self;
        let state = if *is_empty { "the outbox is empty".to_owned() } else { format!("{pending} events still wait") };
        write!(f, "{state}; {published} were delivered meanwhile, and {dead} are dead")
    }
}
