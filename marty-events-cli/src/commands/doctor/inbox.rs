//! The check of the inbox's tables.

use marty_events::{EventError, inbox::InboxRepository};

use super::{
    outbox::words,
    report::{Check, Report},
};
use crate::{failure::granting, plain::plain};

/// Checks the tables, and returns the groups to look at. An inbox that nobody named is passed over where it is missing, or where it is
/// none of this user's business: a relay has no right on it.
pub(super) async fn check(
    inbox: &InboxRepository,
    groups: &[String],
    is_named: bool,
    report: &mut Report,
) -> Vec<String> {
    let name = "inbox";
    let found = match inbox.validate().await {
        Ok(()) => inbox.groups().await,
        Err(EventError::InboxTableMissing { .. } | EventError::InboxForbidden { .. }) if !is_named => {
            return Vec::new();
        }
        Err(error) => Err(error),
    };
    let known = match found {
        Ok(known) => known,
        Err(error) => {
            let (found, advice) = match &error {
                EventError::InboxTableMissing { .. } => (
                    words(&error),
                    "run `marty-events migrate --inbox`, or let the service call `marty_events::inbox::migrate` at its start; or name the table by \
                     --inbox-table"
                        .to_owned(),
                ),
                EventError::InboxForbidden { user, doubt, grant } => {
                    (format!("the database user {user} may not use the inbox{doubt}"), granting("tables", grant))
                }
                EventError::InboxUnfit { .. } => {
                    (words(&error), "let the tables' owner change it, or connect as another user".to_owned())
                }
                _ => (words(&error), "read the database's message".to_owned()),
            };
            report.add(Check::failed(name, found, advice));
            return groups.to_vec();
        }
    };
    let known: Vec<String> = known.into_iter().map(|known| known.group).collect();
    let tables = "the tables exist, have this version, and the user has every right that a consumer needs";
    let list = known.iter().map(|group| plain(group)).collect::<Vec<_>>().join(", ");
    report.add(match groups.iter().find(|group| !known.contains(group)) {
        Some(unknown) => {
            let found = format!("{tables}; the inbox does not know the group {}", plain(unknown));
            Check::warning(
                name,
                found,
                "check the group's name, --database-url and --inbox-table; a new group has handled nothing",
            )
        }
        None if known.is_empty() => Check::ok(name, format!("{tables}; no group has handled an event")),
        None => Check::ok(name, format!("{tables}; groups: {list}")),
    });
    if groups.is_empty() { known } else { groups.to_vec() }
}
