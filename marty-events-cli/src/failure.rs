use std::{error::Error, io};

use marty_events::{ConfigError, EventError, outbox::InvalidTable};
use serde::Serialize;
use sqlx::migrate::MigrateError;

use crate::exit::Exit;

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// A command's failure, with its causes and advice. It holds no secret.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(rename = "exit_code", serialize_with = "as_number")]
    pub(crate) exit: Exit,
    pub(crate) error: String,
    pub(crate) causes: Vec<String>,
    pub(crate) advice: Option<String>,
    /// The reader of standard output has gone, as `head` does. That is not a failure, and there is nobody to report it to.
    #[serde(skip)]
    pub(crate) is_silent: bool,
    /// The database refused a statement for want of rights. A check of the tables names the missing ones.
    #[serde(skip)]
    pub(crate) lacks_rights: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<String>) -> Self {
        Self { exit, error: error.into(), causes: Vec::new(), advice: None, is_silent: false, lacks_rights: false }
    }

    pub(crate) fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        self.causes.extend(chain(Some(error)));
        self
    }

    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// The texts of an error and of its causes, each once: many errors end with the text of their cause.
pub(crate) fn chain(error: Option<&(dyn Error + 'static)>) -> impl Iterator<Item = String> {
    let mut causes: Vec<String> = Vec::new();
    let mut next = error;
    while let Some(error) = next {
        if let Some(sqlx::Error::Database(database)) = error.downcast_ref() {
            // The driver's own text ends with a line of the server's source code.
            let (driver, text) = (error.to_string(), format!("error returned from database: {}", database.message()));
            match causes.last_mut().and_then(|cause| Some((cause.strip_suffix(&driver)?.to_owned(), cause))) {
                Some((before, cause)) => *cause = before + &text,
                None => causes.push(text),
            }
            break;
        }
        let text = error.to_string();
        if !causes.iter().any(|cause| cause.ends_with(&text)) {
            causes.push(text);
        }
        next = error.source();
    }
    causes.into_iter()
}

impl From<EventError> for Failure {
    fn from(error: EventError) -> Self {
        if let EventError::OutboxForbidden { user, grant } = &error {
            let failure = Self::new(Exit::Failed, forbidden(user)).advise(granting("tables", grant));
            return Self { lacks_rights: true, ..failure };
        }
        if let EventError::InboxForbidden { user, doubt, grant } = &error {
            return Self::new(Exit::Failed, format!("the database user {user} may not use the inbox{doubt}"))
                .advise(granting("tables", grant));
        }
        let exit = if matches!(error, EventError::Config(_)) { Exit::Usage } else { Exit::Failed };
        let advice = match &error {
            EventError::OutboxTableMissing { .. } => Some("run `marty-events migrate`, with the same --table"),
            EventError::CachedSequence { .. } => Some("let the tables' owner run the ALTER SEQUENCE"),
            EventError::UnsupportedDatabase { .. } => Some(
                "write postgres://.., mysql://.. or sqlite://.., and build the command with that database's feature",
            ),
            EventError::Outbox { .. } | EventError::Inbox { .. } => {
                Some("check the database with `marty-events doctor`")
            }
            EventError::Kafka(_) => Some("check the broker with `marty-events doctor`"),
            EventError::InboxTableMissing { .. } => {
                Some("run `marty-events migrate --inbox`, or name it by --inbox-table where it has another name")
            }
            EventError::OutboxUnfit { .. } | EventError::InboxUnfit { .. } => {
                Some("let the tables' owner change it, or connect as another user")
            }
            EventError::OutboxRefused { .. } | EventError::InboxRefused { .. } => {
                Some("read the database's message; another try does not help")
            }
            EventError::Migrate(error) => Some(migrating(error.downcast_ref())),
            _ => None,
        };
        let failure = Self::new(exit, error.to_string()).because_of_source(&error);
        advice.into_iter().fold(failure, Self::advise)
    }
}

/// The finding about a user without rights.
pub(crate) fn forbidden(user: &str) -> String {
    format!("the database user {user} may not use the outbox")
}

/// Advice on missing rights: each statement on a line of its own, to be pasted.
pub(crate) fn granting(place: &str, grant: &str) -> String {
    let statements = grant.replace("; ", ";\n");
    format!("let the owner of the {place} run these statements, or connect as another user\n{statements};")
}

/// Advice on a migration that failed.
fn migrating(error: Option<&MigrateError>) -> &'static str {
    match error {
        Some(MigrateError::VersionMismatch(_)) => {
            "other SQL than the shipped one made the tables: compare the tables with the shipped SQL, and change what differs; \
             then delete the version's row in the table `.._migrations`, and run `marty-events migrate` again"
        }
        _ => {
            "connect as a user with the rights, or apply the shipped SQL as one. PostgreSQL: CREATE on the schema, and the ownership of tables \
             that are there. MySQL and MariaDB: CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE and DELETE on the database. SQLite: the \
             right to write the file and its directory"
        }
    }
}

impl Failure {
    fn because_of_source(mut self, error: &(dyn Error + 'static)) -> Self {
        self.causes.extend(chain(error.source()));
        self.causes.retain(|cause| !self.error.ends_with(cause));
        self
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Usage, error.to_string()).advise("set the variables; `marty-events doctor` checks them again")
    }
}

impl From<InvalidTable> for Failure {
    fn from(error: InvalidTable) -> Self {
        Self::new(Exit::Usage, error.to_string()).advise("write --table as table or schema.table")
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let is_silent = error.kind() == io::ErrorKind::BrokenPipe;
        let exit = if is_silent { Exit::Done } else { Exit::Failed };
        Self { is_silent, ..Self::new(exit, "the answer could not be written").because(&error) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn as_number<S: serde::Serializer>(exit: &Exit, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_u8(*exit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Told(&'static str, Option<Box<Told>>);

    impl std::fmt::Display for Told {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Told {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as &dyn Error)
        }
    }

    #[test]
    fn each_cause_is_told_once() {
        let server = Told("relation \"x\" does not exist", None);
        let driver = Told("error returned from database: relation \"x\" does not exist", Some(Box::new(server)));
        let outbox = Told("the outbox table does not exist", Some(Box::new(driver)));
        let causes: Vec<String> = chain(Some(&outbox)).collect();
        let expected =
            ["the outbox table does not exist", "error returned from database: relation \"x\" does not exist"];
        assert_eq!(causes, expected);
    }
}
