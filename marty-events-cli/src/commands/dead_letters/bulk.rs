//! Changes to many dead letters, in bounded steps.

use std::fmt;

use serde::Serialize;

use super::{
    Irreversible, Selection,
    chosen::{Chosen, Left},
    letters::{LIST, Letter, Letters},
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

pub(super) async fn requeue(selection: Selection, letters: &impl Letters, output: Output) -> Result<Exit> {
    let refusal = |letter: &_| Letter::is_redacted(letter).then_some("it is redacted, and can only be discarded");
    let chosen = Chosen::of(selection, letters, refusal).await?;
    let done = work("requeueing", &chosen, letters, async |keys| letters.requeue(keys).await).await?;
    if !chosen.is_named() && done.count < chosen.selected && !done.is_interrupted {
        output.remark("the others are redacted, and can only be discarded");
    }
    answer(Count::Requeued(done.count), chosen, done, output)
}

pub(super) async fn discard(arguments: Irreversible, letters: &impl Letters, output: Output) -> Result<Exit> {
    let chosen = agreed("Delete", arguments, letters).await?;
    let done = work("discarding", &chosen, letters, async |keys| letters.discard(keys).await).await?;
    answer(Count::Discarded(done.count), chosen, done, output)
}

pub(super) async fn redact(arguments: Irreversible, letters: &impl Letters, output: Output) -> Result<Exit> {
    letters.can_redact()?;
    let chosen = agreed("Empty", arguments, letters).await?;
    let done = work("redacting", &chosen, letters, async |keys| letters.redact(keys).await).await?;
    answer(Count::Redacted(done.count), chosen, done, output)
}

/// The chosen dead letters, once the user has agreed.
async fn agreed<L: Letters>(verb: &str, arguments: Irreversible, letters: &L) -> Result<Chosen<L::Key>> {
    let chosen = Chosen::of(arguments.selection, letters, |_| None).await?;
    let count = chosen.count();
    if 0 < count {
        confirm(&format!("{verb} {count} dead letters for good?"), arguments.yes, chosen.is_named())?;
    }
    Ok(chosen)
}

async fn work<L: Letters>(
    doing: &'static str,
    chosen: &Chosen<L::Key>,
    letters: &L,
    act: impl AsyncFn(&[L::Key]) -> Result<u64>,
) -> Result<Done> {
    let stop = stop::when_asked();
    let Chosen { filter, selected, .. } = chosen;
    if let Some(keys) = &chosen.named {
        let mut steps = keys.chunks(STEP);
        return in_steps(doing, chosen.count(), &stop, async || match steps.next() {
            Some(keys) => Ok(Some(act(keys).await?)),
            None => Ok(None),
        })
        .await;
    }
    // Letters that die while the command runs are left out. Otherwise a requeued poison event would come round for ever.
    let (mut left, mut last) = (*selected, None);
    in_steps(doing, *selected, &stop, async || {
        let limit = u32::try_from(left.min(STEP as u64)).unwrap_or(u32::MAX);
        let page = letters.page(filter, last.as_ref(), limit).await?;
        left -= page.len() as u64;
        let keys: Vec<L::Key> = page.iter().map(Letter::key).collect();
        let Some(letter) = page.into_iter().next_back() else { return Ok(None) };
        last = Some(letter);
        Ok(Some(act(&keys).await?))
    })
    .await
}

/// Answers, and fails if a letter was named and not changed.
fn answer<K>(count: Count, chosen: Chosen<K>, done: Done, output: Output) -> Result<Exit> {
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
    let failure = Failure::new(Exit::Failed, error).advise(LIST);
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
