//! `replay`: a group of consumers reads records again.

mod forgetting;
mod place;
mod plan;

use std::{fmt, time::Duration};

use clap::{Args, builder::NonEmptyStringValueParser};
use jiff::Timestamp;
use marty_events::inbox::InboxRepository;
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};
use serde::Serialize;

use crate::{
    confirm::confirm,
    database::{GroupTable, Outbox},
    exit::Exit,
    failure::{Failure, Result},
    kafka::{
        self,
        group::{Group, Members, has_members},
    },
    output::{Output, table},
    plain::plain,
    shared::Shared,
};
use place::{Place, place, time};
use plan::{Step, plan};

/// The limit of each of the brokers' answers.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// The group of consumers, of which none may run [default: none].
    #[arg(long, value_name = "GROUP", value_parser = NonEmptyStringValueParser::new())]
    group: String,
    /// The topic, with its prefix [default: none].
    #[arg(long, value_name = "TOPIC", value_parser = NonEmptyStringValueParser::new())]
    topic: String,
    /// Only this partition [default: every partition].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// The first record: `beginning`, an offset of one partition, or a time such as `2026-03-01T09:15:00Z` [default: none].
    #[arg(long, value_name = "PLACE", value_parser = place)]
    from: Place,
    /// Count, and with --forget forget, only records before this time. Later ones come again too, and the inbox drops those
    /// that it remembers [default: no end].
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// Say which records this concerns, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Let the inbox forget the records, so that they are handled again, with all their effects. Otherwise it drops those that
    /// it remembers.
    #[arg(long)]
    forget: bool,
    /// Go on although records are skipped that the group has not handled: this number of them at the most.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    skip: u64,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    table: GroupTable,
}

#[derive(Serialize)]
struct Replayed {
    group: String,
    topic: String,
    dry_run: bool,
    /// The number of offsets that the group reads again, as far as `--to` reaches.
    records: u64,
    skipped: u64,
    /// The number of events that the inbox knew and has forgotten; `null` without the option.
    forgotten: Option<u64>,
    interrupted: bool,
    partitions: Vec<Step>,
}

pub(crate) async fn run(arguments: ReplayArguments, shared: &Shared, output: Output) -> Result<Exit> {
    let config = kafka::config(shared)?;
    let inbox = arguments.table.inbox_of(&Outbox::reached(shared).await?)?;
    if !arguments.forget {
        is_known(&arguments.group, &inbox).await?;
    }
    let ReplayArguments { group, topic, partition, from, to, forget, .. } = &arguments;
    let asked = (config.clone(), group.clone(), topic.clone(), *partition, *from, *to, *forget);
    let planned = tokio::task::spawn_blocking(move || {
        let (config, group, topic, partition, from, to, forget) = asked;
        let reader = Group::new(&config, &group, PATIENCE)?;
        let steps = plan(&reader, &topic, partition, from, to, forget)?;
        nobody_is_in(&reader, &group)?;
        Ok::<_, Failure>((reader, steps))
    });
    let (reader, steps) = planned.await.map_err(std::io::Error::other)??;
    let sum = |number: fn(&Step) -> u64| steps.iter().map(number).sum();
    let mut replayed = Replayed {
        group: group.clone(),
        topic: topic.clone(),
        dry_run: arguments.dry_run,
        records: sum(|step| step.records),
        skipped: sum(|step| step.skipped),
        forgotten: arguments.forget.then_some(0),
        interrupted: false,
        partitions: steps.clone(),
    };
    if !arguments.dry_run {
        agreed(&arguments, &replayed)?;
        // The broker refuses it where a consumer has come meanwhile. So the inbox forgets nothing that a consumer may read just now.
        let reader = commit(reader, topic, &steps, *forget).await?;
        if *forget && 0 < replayed.records {
            let (done, forgotten) = forgetting::forget(config, group, topic, &steps, &inbox, PATIENCE).await?;
            replayed.forgotten = Some(forgotten);
            replayed.interrupted = done.is_interrupted;
            // A consumer that came too early has dropped records that the inbox had not forgotten yet.
            commit(reader, topic, &steps, true).await.map_err(|failure| {
                failure.advise("stop the consumer that came before the inbox had forgotten, and run the command again")
            })?;
        }
    }
    output.answer(&replayed)?;
    Ok(if replayed.interrupted { Exit::Refused } else { Exit::Done })
}

/// True for an error that only a change of rights or credentials ends.
fn is_final(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::Authentication)
    )
}

/// An inbox that does not know the group drops nothing, so every record would have its effect again.
async fn is_known(group: &str, inbox: &InboxRepository) -> Result<()> {
    if inbox.groups().await?.iter().any(|known| known.group == group) {
        return Ok(());
    }
    let error =
        format!("the inbox does not know the group {}, and would drop no record that was handled", plain(group));
    let advice =
        "check the group's name, --database-url and --inbox-table; --forget goes on, and every record is handled again";
    Err(Failure::new(Exit::Failed, error).advise(advice))
}

fn nobody_is_in(reader: &Group, group: &str) -> Result<()> {
    match reader.members()? {
        Members::These(members) => Err(has_members(group, &members.join(", "))),
        Members::Nobody | Members::Untold => Ok(()),
    }
}

/// Sets the offsets of the partitions that change, or of all: the broker's answer tells that nobody is in the group.
async fn commit(reader: Group, topic: &str, steps: &[Step], all: bool) -> Result<Group> {
    let offsets: Vec<(i32, i64)> =
        steps.iter().filter(|step| all || step.is_change).map(|step| (step.partition, step.from)).collect();
    let topic = topic.to_owned();
    let committed = tokio::task::spawn_blocking(move || {
        if !offsets.is_empty() {
            reader.commit(&topic, offsets)?;
        }
        Ok(reader)
    });
    committed.await.map_err(std::io::Error::other)?
}

/// Refuses to skip records that nobody has allowed to be skipped, and asks before anything is changed.
fn agreed(arguments: &ReplayArguments, replayed: &Replayed) -> Result<()> {
    let Replayed { records, skipped, .. } = replayed;
    if arguments.skip < *skipped {
        let error = format!("{skipped} records would be skipped that the group has not handled");
        let advice = format!("give an earlier --from; or --skip {skipped}, and the group never handles them");
        return Err(Failure::new(Exit::Failed, error).advise(advice));
    }
    if !replayed.partitions.iter().any(|step| step.is_change) && !arguments.forget {
        return Ok(());
    }
    let question = if arguments.forget {
        format!("Let the inbox forget the events of {records} records, so that they have all their effects again?")
    } else {
        format!("Let the group {} read {records} records again?", plain(&arguments.group))
    };
    // Without --forget the command line states everything that happens.
    confirm(&question, arguments.yes, !arguments.forget)
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.partitions.iter().map(|step| {
            let committed = step.committed.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
            [
                step.partition.to_string(),
                committed,
                step.from.to_string(),
                step.records.to_string(),
                step.skipped.to_string(),
            ]
        });
        writeln!(f, "{}\n", table(["PARTITION", "COMMITTED", "FROM", "RECORDS", "SKIPPED"], rows))?;
        let (begins, come) = if self.dry_run { ("would begin", "would come") } else { ("begins", "come") };
        writeln!(f, "the group {begins} at these offsets, and {} records {come} again", self.records)?;
        match self.forgotten {
            _ if self.dry_run => {}
            None => writeln!(f, "the inbox drops those that it remembers")?,
            Some(forgotten) => writeln!(f, "the inbox has forgotten {forgotten} of them, which are handled again")?,
        }
        if 0 < self.skipped {
            writeln!(f, "{} records that the group has not handled are skipped", self.skipped)?;
        }
        if self.interrupted { writeln!(f, "stopped before the end") } else { Ok(()) }
    }
}
