//! The inbox's errors: a database's answer, and the remedy.

use super::{Identity, InboxTable};
use crate::{EventError, database::Fault};

/// Turns a database's error into one that says what to do.
pub(super) fn database_error(operation: &'static str, table: &InboxTable, source: sqlx::Error) -> EventError {
    match Fault::of(&source) {
        Fault::Missing => EventError::InboxTableMissing { table: table.to_string(), source: Box::new(source) },
        Fault::Forbidden => EventError::InboxForbidden { tables: format!("{table}, {table}_parked") },
        Fault::Hidden => hidden(table.to_string()),
        Fault::Refused => EventError::InboxRefused { operation, source: Box::new(source) },
        _ => EventError::Inbox { operation, source: Box::new(source) },
    }
}

/// A commit without an answer, or one that was refused.
pub(crate) fn commit_error(source: sqlx::Error) -> EventError {
    EventError::Inbox { operation: "commit a handled event", source: Box::new(source) }
}

/// The error about a table that cannot serve.
pub(super) fn unfit(table: String, problem: impl Into<String>, advice: impl Into<String>) -> EventError {
    EventError::InboxUnfit { table, problem: problem.into(), advice: advice.into() }
}

/// The error about a table that does not show, or does not take, every row.
pub(super) fn hidden(table: String) -> EventError {
    let advice = format!(
        "let its owner run `ALTER TABLE {table} DISABLE ROW LEVEL SECURITY`, or `CREATE POLICY marty_events ON {table} TO .. USING (true)` \
         for this user"
    );
    unfit(table, "row-level security hides rows from this user", advice)
}

/// Refuses an identity that a server without strict mode would cut: two events would become one.
pub(super) fn check(identity: &Identity) -> Result<(), EventError> {
    let problem = match (identity.event_id.len(), identity.key.len()) {
        (..=LONGEST, ..=LONGEST) => return Ok(()),
        (..=LONGEST, length) => format!("its key has {length} bytes, and the inbox keeps {LONGEST}"),
        (length, _) => format!("its id has {length} bytes, and the inbox keeps {LONGEST}"),
    };
    Err(EventError::InvalidEvent { event_type: "received".to_owned(), problem })
}

/// The number of bytes that an id or a key has at the most.
const LONGEST: usize = 255;
