use std::{fmt, time::Duration};

use clap::Args;
use marty_events::{
    CancellationToken,
    outbox::{CleanupOptions, DeadLetterQuery},
};
use serde::Serialize;

use crate::{
    confirm::confirm,
    database::Outbox,
    exit::Exit,
    failure::Result,
    output::Output,
    progress::{Done, in_steps},
    shared::Shared,
    stop,
    time::{duration, in_words},
};

#[derive(Debug, Args)]
pub(crate) struct CleanupArguments {
    /// Delete events that died at least this long ago, for example `30d` [default: no dead letters].
    #[arg(long, value_parser = duration, value_name = "AGE", required_unless_present = "published")]
    dead_letters: Option<Duration>,
    /// Delete events that were delivered at least this long ago; `relay --keep-published` kept them [default: no delivered events].
    #[arg(long, value_parser = duration, value_name = "AGE")]
    published: Option<Duration>,
    /// The number of rows that one statement deletes.
    #[arg(long, default_value_t = 1_000, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,
    /// Delete without a question.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize)]
struct Cleaned {
    /// The number of deleted rows; `null` without the option.
    dead_letters: Option<u64>,
    published: Option<u64>,
    interrupted: bool,
}

pub(crate) async fn run(arguments: &CleanupArguments, shared: &Shared, output: Output) -> Result<Exit> {
    let outbox = Outbox::reached(shared).await?;
    let stop = stop::when_asked();
    let dead = match arguments.dead_letters {
        Some(age) => Some(dead_letters(&outbox, age, arguments, &stop).await?),
        None => None,
    };
    let published = match arguments.published {
        Some(age) => Some(published(&outbox, age, arguments.batch_size, &stop).await?),
        None => None,
    };
    let interrupted = [dead, published].iter().flatten().any(|done| done.is_interrupted);
    let count = |done: Option<Done>| done.map(|done| done.count);
    output.answer(&Cleaned { dead_letters: count(dead), published: count(published), interrupted })?;
    Ok(if interrupted { Exit::Refused } else { Exit::Done })
}

async fn dead_letters(
    outbox: &Outbox,
    age: Duration,
    arguments: &CleanupArguments,
    stop: &CancellationToken,
) -> Result<Done> {
    let query = DeadLetterQuery::default().older_than(age);
    let total = outbox.repository.count_dead_letters(&query).await?;
    if 0 < total {
        let question = format!("Delete {total} dead letters that died more than {} ago, for good?", in_words(age));
        // The command line states the age, so a scheduled job needs no `--yes`.
        confirm(&question, arguments.yes, true)?;
    }
    let options = CleanupOptions::older_than(age).limit(arguments.batch_size);
    in_steps("deleting dead letters", total, stop, async || {
        let deleted = outbox.repository.cleanup(options).await?;
        Ok((0 < deleted).then_some(deleted))
    })
    .await
}

async fn published(outbox: &Outbox, age: Duration, batch_size: u32, stop: &CancellationToken) -> Result<Done> {
    let total = outbox.repository.count_published(age).await?;
    in_steps("deleting delivered events", total, stop, async || {
        let deleted = outbox.repository.forget_published(age, batch_size).await?;
        Ok((0 < deleted).then_some(deleted))
    })
    .await
}

impl fmt::Display for Cleaned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (rows, count) in [("dead letters", self.dead_letters), ("delivered events", self.published)] {
            if let Some(count) = count {
                writeln!(f, "deleted {count} {rows}")?;
            }
        }
        if self.interrupted { writeln!(f, "stopped before the end") } else { Ok(()) }
    }
}
