//! The inbox's errors: a database's answer, and the remedy.

use super::{Identity, InboxTable};
use crate::{EventError, database::Fault};

/// Turns a database's error into one that says what to do.
pub(super) fn database_error(operation: &'static str, table: &InboxTable, source: sqlx::Error) -> EventError {
    match Fault::of(&source) {
        Fault::Missing => EventError::InboxTableMissing { table: table.to_string(), source: Box::new(source) },
        Fault::Forbidden => forbidden(table, &source),
        Fault::Hidden => hidden(table.to_string()),
        Fault::Refused => EventError::InboxRefused { operation, source: Box::new(source) },
        _ => EventError::Inbox { operation, source: Box::new(source) },
    }
}

#[cfg_attr(
    not(feature = "mysql"),
    expect(unused_variables, reason = "the other databases tell a missing table from a closed one")
)]
fn forbidden(table: &InboxTable, source: &sqlx::Error) -> EventError {
    let user = "of this connection".to_owned();
    #[cfg(feature = "mysql")]
    if let sqlx::Error::Database(error) = source
        && error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().is_some()
    {
        return maybe_missing(table, user, "..");
    }
    let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table}, {table}_parked TO ..");
    EventError::InboxForbidden { user, doubt: "", grant }
}

/// The error where the server does not tell if the tables are there. `account` is the user as a statement names it.
#[cfg(feature = "mysql")]
pub(super) fn maybe_missing(table: &InboxTable, user: String, account: &str) -> EventError {
    let doubt = ", or there is none: the server does not tell a user without rights. Where there is none, run `marty-events migrate --inbox` as a user \
                 that may create tables";
    let grants = ["", "_parked"].map(|suffix| {
        let table = crate::database::Quotes::Backticks.quoted(table.name(), suffix);
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {account}")
    });
    EventError::InboxForbidden { user, doubt, grant: grants.join("; ") }
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
