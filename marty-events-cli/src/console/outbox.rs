//! The outboxes that the console shows.

use marty_events::{
    EventError, OutboxRepository,
    inbox::{InboxRepository, InboxTable},
    outbox::{OutboxPool, OutboxTable},
};

use super::watch::{Look, Watch};
use crate::{
    database::{Outbox, place},
    exit::Exit,
    failure::{Failure, Result},
};

/// The longest name of an outbox. It stands in addresses and in the header of each page.
const LONGEST_NAME: usize = 40;

/// One outbox on the console.
pub(super) struct ShownOutbox {
    /// The name by which the console was told of it; empty for the only one.
    pub(super) name: String,
    /// The path before the paths of its pages; empty for the only one.
    pub(super) base: String,
    /// The database's product and place, without user and password.
    pub(super) place: String,
    pub(super) table: String,
    /// For an outbox without a name of its own, which may be missing where there is an inbox.
    pool: Option<OutboxPool>,
    pub(super) repository: OutboxRepository,
    /// The inbox of the same database, if there is one.
    pub(super) inbox: InboxRepository,
    pub(super) watch: Watch,
}

impl ShownOutbox {
    /// The only outbox, whose pages begin at the root.
    pub(super) fn only(outbox: Outbox, inbox: &InboxTable) -> Self {
        Self {
            name: String::new(),
            base: String::new(),
            inbox: InboxRepository::new(&outbox.pool).table(inbox.clone()),
            place: place(&outbox.pool),
            table: outbox.table.to_string(),
            pool: (outbox.table == OutboxTable::default()).then_some(outbox.pool),
            repository: outbox.repository,
            watch: Watch::default(),
        }
    }

    /// One of several, by the text `NAME=URL#TABLE`. No complaint has the URL, since it may have a password.
    pub(super) fn named(text: &str, inbox: &InboxTable) -> Result<Self> {
        let usage = |problem: String| Failure::new(Exit::Usage, problem).advise("write --outbox NAME=URL#TABLE");
        let (name, rest) = text.split_once('=').ok_or_else(|| usage("an --outbox has no name".to_owned()))?;
        let is_name = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
        if name.is_empty() || LONGEST_NAME < name.len() || !name.bytes().all(is_name) || name.starts_with('.') {
            let says = format!("the name of an --outbox has up to {LONGEST_NAME} letters, digits, dashes and dots");
            return Err(usage(says));
        }
        let (url, table) = rest.rsplit_once('#').map_or((rest, None), |(url, table)| (url, Some(table)));
        let outbox = Outbox::at(url, table).map_err(|failure| {
            let error = format!("the outbox {name} of --outbox: {}", failure.error);
            Failure { error, ..failure }.advise("write --outbox NAME=URL#TABLE")
        })?;
        Ok(Self { name: name.to_owned(), base: format!("/outbox/{name}"), ..Self::only(outbox, inbox) })
    }

    /// The last look at the database, or a new one.
    pub(super) async fn look(&self) -> Result<Look, EventError> {
        self.watch.look(&self.repository, &self.inbox, self.pool.as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_outbox_has_a_name_a_database_and_a_table_and_complaints_have_no_password() {
        let told = |text: &str| ShownOutbox::named(text, &InboxTable::default());
        let outbox = told("bank=postgres://u:hunter2@db:5433/bank#app.events").expect("an outbox");
        assert_eq!((outbox.name.as_str(), outbox.base.as_str()), ("bank", "/outbox/bank"));
        assert_eq!((outbox.place.as_str(), outbox.table.as_str()), ("PostgreSQL db:5433/bank", "app.events"));
        let usual = told("bank=postgres://db/bank").expect("an outbox");
        assert_eq!(usual.table, "event_outbox");
        for text in [
            "postgres://u:hunter2@db/x",
            "=hunter2",
            "a b=hunter2",
            "../x=hunter2",
            "x=hunter2",
            "x=postgres://u:hunter2@db#a.b.c.d",
        ] {
            let failure = told(text).err().unwrap_or_else(|| panic!("{text} is refused"));
            assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
        }
    }
}
