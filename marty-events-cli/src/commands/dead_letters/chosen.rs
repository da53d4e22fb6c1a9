//! The dead letters that a command is to change.

use std::collections::HashSet;

use serde::Serialize;

use super::{
    Filter, Selection,
    letters::{Letter, Letters, NOT_DEAD},
};
use crate::{failure::Result, plain::plain};

/// The letters of a selection, and the named ones that cannot be changed.
pub(super) struct Chosen<K> {
    pub(super) filter: Filter,
    /// The letters to change, where each one was named.
    pub(super) named: Option<Vec<K>>,
    /// The number of selected letters; of named ones, each counts once.
    pub(super) selected: u64,
    pub(super) left: Vec<Left>,
}

/// A letter that was named and not changed.
#[derive(Debug, Serialize)]
pub(super) struct Left {
    event_id: String,
    reason: &'static str,
}

impl<K> Chosen<K> {
    /// Looks for each named letter, so that each one that stays has its reason. `refusal` is the reason of a letter that is there.
    pub(super) async fn of<L: Letters<Key = K>>(
        selection: Selection,
        letters: &L,
        refusal: impl Fn(&L::Letter) -> Option<&'static str>,
    ) -> Result<Self> {
        let Selection { ids, filter, .. } = selection;
        if ids.is_empty() {
            let selected = letters.count(&filter).await?;
            return Ok(Self { filter, named: None, selected, left: Vec::new() });
        }
        let ids = ids.iter().map(|id| letters.id(id)).collect::<Result<Vec<String>>>()?;
        let mut seen = HashSet::new();
        let (mut named, mut left) = (Vec::new(), Vec::new());
        for id in ids.into_iter().filter(|id| seen.insert(id.clone())) {
            let letter = letters.find(&id, false).await?;
            match (letter.as_ref().map_or(Some(NOT_DEAD), &refusal), letter) {
                (None, Some(letter)) => named.push(letter.key()),
                (reason, _) => left.push(Left { event_id: id, reason: reason.unwrap_or(NOT_DEAD) }),
            }
        }
        let selected = (named.len() + left.len()) as u64;
        Ok(Self { filter, named: Some(named), selected, left })
    }

    /// True if each letter was named.
    pub(super) fn is_named(&self) -> bool {
        self.named.is_some()
    }

    /// The number of letters to change.
    pub(super) fn count(&self) -> u64 {
        self.selected - self.left.len() as u64
    }
}

impl Left {
    /// `0193..: it is redacted`
    pub(super) fn in_words(&self) -> String {
        format!("{}: {}", plain(&self.event_id), self.reason)
    }
}
