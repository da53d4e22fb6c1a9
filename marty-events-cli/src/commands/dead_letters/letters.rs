//! Dead letters as the commands see them: those of the outbox, and those of a group's inbox.

use std::fmt;

use serde::Serialize;

use super::Filter;
use crate::{
    exit::Exit,
    failure::{Failure, Result},
    payload::Payload,
    plain::plain,
};

/// The advice about letters that are not there.
pub(super) const LIST: &str = "see `marty-events dead-letters list`";

/// The reason for leaving an id alone.
pub(super) const NOT_DEAD: &str = "there is no dead letter with this id";

/// The names of a row's columns.
pub(super) const COLUMNS: [&str; 7] = ["EVENT", "DIED", "TYPE", "TOPIC", "KEY", "ATTEMPTS", "REASON"];

/// The place of dead letters.
pub(super) trait Letters {
    /// The name of a letter in the statements that change it.
    type Key: Copy;
    type Letter: Letter<Key = Self::Key>;

    /// The id as this place writes it.
    fn id(&self, given: &str) -> Result<String>;

    /// The letter of an event.
    async fn find(&self, id: &str, with_payload: bool) -> Result<Option<Self::Letter>>;

    async fn count(&self, filter: &Filter) -> Result<u64>;

    /// The letters behind `last`, without their payloads.
    async fn page(&self, filter: &Filter, last: Option<&Self::Letter>, limit: u32) -> Result<Vec<Self::Letter>>;

    async fn requeue(&self, keys: &[Self::Key]) -> Result<u64>;

    async fn discard(&self, keys: &[Self::Key]) -> Result<u64>;

    /// Fails where letters are not emptied.
    fn can_redact(&self) -> Result<()>;

    async fn redact(&self, keys: &[Self::Key]) -> Result<u64>;
}

/// A dead letter.
pub(super) trait Letter: Serialize {
    type Key;

    fn key(&self) -> Self::Key;

    /// The id of its event.
    fn event_id(&self) -> String;

    fn is_redacted(&self) -> bool;

    /// The texts below [`COLUMNS`].
    fn row(&self) -> [String; 7];

    /// Its fields, one a line.
    fn fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    fn contents(&self) -> Contents;
}

/// The record of a letter.
#[derive(Serialize)]
pub(super) struct Contents {
    pub(super) headers: Vec<(String, String)>,
    pub(super) payload: Payload,
}

pub(super) fn no_such(id: &str) -> Failure {
    Failure::new(Exit::Failed, format!("there is no dead letter with the id {}", plain(id))).advise(LIST)
}
