//! The dead letters that a command is to change.

use std::collections::HashSet;

use marty_events::{OutboxRepository, outbox::DeadLetter};
use serde::Serialize;
use uuid::Uuid;

use super::{Selection, letter::NOT_DEAD};
use crate::failure::Result;

/// The letters of a selection, and the named ones that cannot be changed.
pub(super) struct Chosen {
    pub(super) selection: Selection,
    /// The number of selected letters; of named ones, each counts once.
    pub(super) selected: u64,
    pub(super) left: Vec<Left>,
}

/// A letter that was named and not changed.
#[derive(Debug, Serialize)]
pub(super) struct Left {
    event_id: Uuid,
    reason: &'static str,
}

impl Chosen {
    /// Looks for each named letter, so that each one that stays has its reason. `refusal` is the reason of a letter that is there.
    pub(super) async fn of(
        mut selection: Selection,
        outbox: &OutboxRepository,
        refusal: impl Fn(&DeadLetter) -> Option<&'static str>,
    ) -> Result<Self> {
        if selection.ids.is_empty() {
            let selected = outbox.count_dead_letters(&selection.filter.to_query()).await?;
            return Ok(Self { selection, selected, left: Vec::new() });
        }
        let mut seen = HashSet::new();
        selection.ids.retain(|id| seen.insert(*id));
        let selected = selection.ids.len() as u64;
        let mut left = Vec::new();
        for id in std::mem::take(&mut selection.ids) {
            match outbox.dead_letter(id).await?.as_ref().map_or(Some(NOT_DEAD), &refusal) {
                Some(reason) => left.push(Left { event_id: id, reason }),
                None => selection.ids.push(id),
            }
        }
        Ok(Self { selection, selected, left })
    }

    /// True if each letter was named.
    pub(super) fn is_named(&self) -> bool {
        self.selection.has_no_filter()
    }

    /// The number of letters to change.
    pub(super) fn count(&self) -> u64 {
        self.selected - self.left.len() as u64
    }
}

impl Left {
    /// `0193..: it is redacted`
    pub(super) fn in_words(&self) -> String {
        format!("{}: {}", self.event_id, self.reason)
    }
}
