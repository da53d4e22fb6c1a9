//! Changes to many dead letters, in bounded steps.

use std::fmt;

use marty_events::{EventError, OutboxRepository, outbox::DeadLetter};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Irreversible, Selection,
    chosen::{Chosen, Left},
};
use crate::{
    confirm::confirm,
    exit::Exit,
    failure::{Failure, Result},
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
    /// The letters that were named and not changed.
    left: Vec<Left>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Count {
    Requeued(u64),
    Discarded(u64),
    Redacted(u64),
}

pub(super) async fn requeue(selection: Selection, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let refusal = |letter: &DeadLetter| letter.redacted.then_some("it is redacted, and can only be discarded");
    let chosen = Chosen::of(selection, outbox, refusal).await?;
    let done = work("requeueing", &chosen, outbox, async |ids| outbox.requeue(ids).await).await?;
    if !chosen.is_named() && done.count < chosen.selected && !done.is_interrupted {
        output.remark("the others are redacted, and can only be discarded");
    }
    answer(Count::Requeued(done.count), chosen, done, output)
}

pub(super) async fn discard(arguments: Irreversible, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let chosen = agreed("Delete", arguments, outbox).await?;
    let done = work("discarding", &chosen, outbox, async |ids| outbox.discard(ids).await).await?;
    answer(Count::Discarded(done.count), chosen, done, output)
}

pub(super) async fn redact(arguments: Irreversible, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let chosen = agreed("Empty", arguments, outbox).await?;
    let done = work("redacting", &chosen, outbox, async |ids| outbox.redact(ids).await).await?;
    answer(Count::Redacted(done.count), chosen, done, output)
}

/// The chosen dead letters, once the user has agreed.
async fn agreed(verb: &str, arguments: Irreversible, outbox: &OutboxRepository) -> Result<Chosen> {
    let chosen = Chosen::of(arguments.selection, outbox, |_| None).await?;
    let count = chosen.count();
    if 0 < count {
        confirm(&format!("{verb} {count} dead letters for good?"), arguments.yes, chosen.is_named())?;
    }
    Ok(chosen)
}

async fn work(
    doing: &'static str,
    chosen: &Chosen,
    outbox: &OutboxRepository,
    act: impl AsyncFn(&[Uuid]) -> Result<u64, EventError>,
) -> Result<Done> {
    let stop = stop::when_asked();
    let Chosen { selection, selected, .. } = chosen;
    if chosen.is_named() {
        let mut steps = selection.ids.chunks(STEP);
        return in_steps(doing, chosen.count(), &stop, async || match steps.next() {
            Some(ids) => Ok(Some(act(ids).await?)),
            None => Ok(None),
        })
        .await;
    }
    let mut query = selection.filter.to_query().without_payload();
    // Letters that die while the command runs are left out. Otherwise a requeued poison event would come round for ever.
    let mut left = *selected;
    in_steps(doing, *selected, &stop, async || {
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

/// Answers, and fails if a letter was named and not changed.
fn answer(count: Count, chosen: Chosen, done: Done, output: Output) -> Result<Exit> {
    let unchanged = chosen.selected.saturating_sub(done.count);
    let mut reasons: Vec<String> = chosen.left.iter().map(Left::in_words).collect();
    if done.count < chosen.count() {
        // Somebody else was quicker than this command.
        reasons.push(format!("{} of the others were dead letters a moment ago", chosen.count() - done.count));
    }
    let is_named = chosen.is_named();
    let changed = Changed { count, selected: chosen.selected, interrupted: done.is_interrupted, left: chosen.left };
    output.answer(&changed)?;
    if done.is_interrupted {
        return Ok(Exit::Refused);
    }
    if !is_named || unchanged == 0 {
        return Ok(Exit::Done);
    }
    let (verb, _) = changed.count.in_words();
    let were = if unchanged == 1 { "was" } else { "were" };
    let error = format!("{unchanged} of the {} named dead letters {were} not {verb}", changed.selected);
    let failure = Failure::new(Exit::Failed, error).advise("see `marty-events dead-letters list`");
    Err(Failure { causes: reasons, ..failure })
}

impl Count {
    fn in_words(&self) -> (&'static str, u64) {
        match self {
            Self::Requeued(count) => ("requeued", *count),
            Self::Discarded(count) => ("discarded", *count),
            Self::Redacted(count) => ("redacted", *count),
        }
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, count) = self.count.in_words();
        write!(f, "{verb} {count} of {}", self.selected)?;
        if self.interrupted { f.write_str("; stopped before the end") } else { Ok(()) }
    }
}
