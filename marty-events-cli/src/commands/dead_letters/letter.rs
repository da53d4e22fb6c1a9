//! A dead letter as the commands show it.

use marty_events::outbox::DeadLetter;
use uuid::Uuid;

use crate::{exit::Exit, failure::Failure, plain::plain};

/// The reason of the refusal, and the part that cannot be read.
pub(super) fn reason(letter: &DeadLetter) -> String {
    let reason = plain(&letter.reason);
    match &letter.problem {
        Some(problem) => format!("{reason}; cannot be read: {}", plain(problem)),
        None => reason,
    }
}

/// The reason for leaving an id alone.
pub(super) const NOT_DEAD: &str = "there is no dead letter with this id";

pub(super) fn no_such(id: Uuid) -> Failure {
    Failure::new(Exit::Failed, format!("there is no dead letter with the id {id}"))
        .advise("see `marty-events dead-letters list`")
}
