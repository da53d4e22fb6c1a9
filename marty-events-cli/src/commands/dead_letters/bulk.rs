//! Changes to many dead letters, in bounded steps.

use std::fmt;

use marty_events::{EventError, OutboxRepository};
use serde::Serialize;
use uuid::Uuid;

use super::{Irreversible, Selection};
use crate::{
    confirm::confirm,
    exit::Exit,
    failure::Result,
    output::Output,
    progress::{Done, in_steps},
    stop,
};

/// Dead letters a statement. MariaDB looks up a longer list less well, and a longer transaction blocks others.
const STEP: usize = 500;

/// The number of changed dead letters, beside the number of selected ones.
#[derive(Serialize)]
struct Changed {
    #[serde(flatten)]
    count: Count,
    selected: u64,
    interrupted: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Count {
    Requeued(u64),
    Discarded(u64),
    Redacted(u64),
}

pub(super) async fn requeue(selection: Selection, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let selected = selected(&selection, outbox).await?;
    let done = work("requeueing", selection, selected, outbox, async |ids| outbox.requeue(ids).await).await?;
    let exit = answer(Count::Requeued(done.count), selected, done, output)?;
    if done.count < selected && !done.is_interrupted {
        output.remark("the others are not dead letters, or are redacted: a redacted one can only be discarded");
    }
    Ok(exit)
}

pub(super) async fn discard(arguments: Irreversible, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let selected = agreed("Delete", &arguments, outbox).await?;
    let done = work("discarding", arguments.selection, selected, outbox, async |ids| outbox.discard(ids).await).await?;
    answer(Count::Discarded(done.count), selected, done, output)
}

pub(super) async fn redact(arguments: Irreversible, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let selected = agreed("Empty", &arguments, outbox).await?;
    let done = work("redacting", arguments.selection, selected, outbox, async |ids| outbox.redact(ids).await).await?;
    answer(Count::Redacted(done.count), selected, done, output)
}

/// The number of selected dead letters, once the user has agreed.
async fn agreed(verb: &str, arguments: &Irreversible, outbox: &OutboxRepository) -> Result<u64> {
    let selection = &arguments.selection;
    let selected = selected(selection, outbox).await?;
    if 0 < selected {
        let question = format!("{verb} {selected} dead letters for good?");
        confirm(&question, arguments.yes, !selection.ids.is_empty())?;
    }
    Ok(selected)
}

async fn selected(selection: &Selection, outbox: &OutboxRepository) -> Result<u64> {
    if selection.ids.is_empty() {
        return Ok(outbox.count_dead_letters(&selection.filter.to_query()).await?);
    }
    Ok(selection.ids.len() as u64)
}

async fn work(
    doing: &'static str,
    selection: Selection,
    selected: u64,
    outbox: &OutboxRepository,
    act: impl AsyncFn(&[Uuid]) -> Result<u64, EventError>,
) -> Result<Done> {
    let stop = stop::when_asked();
    if !selection.ids.is_empty() {
        let mut steps = selection.ids.chunks(STEP);
        return in_steps(doing, selected, &stop, async || match steps.next() {
            Some(ids) => Ok(Some(act(ids).await?)),
            None => Ok(None),
        })
        .await;
    }
    let mut query = selection.filter.to_query().without_payload();
    // Letters that die while the command runs are left out. Otherwise a requeued poison event would come round for ever.
    let mut left = selected;
    in_steps(doing, selected, &stop, async || {
        let limit = u32::try_from(left.min(STEP as u64)).unwrap_or(u32::MAX);
        let letters = outbox.dead_letters(query.clone().limit(limit)).await?;
        let Some(last) = letters.last() else { return Ok(None) };
        query = query.clone().after(last.place());
        left -= letters.len() as u64;
        let ids: Vec<Uuid> = letters.iter().map(|letter| letter.event.event_id).collect();
        Ok(Some(act(&ids).await?))
    })
    .await
}

fn answer(count: Count, selected: u64, done: Done, output: Output) -> Result<Exit> {
    output.answer(&Changed { count, selected, interrupted: done.is_interrupted })?;
    Ok(if done.is_interrupted { Exit::Refused } else { Exit::Done })
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, count) = match self.count {
            Count::Requeued(count) => ("requeued", count),
            Count::Discarded(count) => ("discarded", count),
            Count::Redacted(count) => ("redacted", count),
        };
        write!(f, "{verb} {count} of {}", self.selected)?;
        if self.interrupted { f.write_str("; stopped before the end") } else { Ok(()) }
    }
}
