//! Errors of making, keeping and sending events.

mod config;
mod decode;
mod others;

use std::{
    error::Error,
    fmt::{self, Write},
};

use uuid::Uuid;

pub use self::{
    config::{ConfigError, ConfigFault},
    decode::DecodeError,
};

/// The reason why an event could not be published, kept or delivered.
///
/// Carries ids, topics and sizes; never a payload and never a secret, so that it can be logged as it is.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// [`init`](crate::init) has not run in this process.
    #[error("no publisher is registered; call `marty_events::init().await?` once at start-up")]
    NotInitialized,
    /// A publisher is registered already; only one can be, for the life of the process.
    #[error("a publisher is registered already; call `marty_events::init` once, at start-up")]
    AlreadyInitialized,
    /// The publisher was shut down; nothing was accepted.
    #[error("the publisher is shut down; publish before `shutdown` is called")]
    ShutDown,
    /// The configuration has one or more faults; all of them are listed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The event lacks something that it cannot be published without.
    #[error("event `{}` cannot be published: {}", OneLine(.event_type), OneLine(.problem))]
    InvalidEvent {
        /// The event's type.
        event_type: String,
        /// The fault, and the accepted form.
        problem: String,
    },
    /// A consumer cannot be built as it is.
    #[error("the consumer cannot be built: {problem}")]
    InvalidConsumer {
        /// The fault, and the cure.
        problem: String,
    },
    /// The event's type belongs to another service (`service` of its derive).
    #[error(
        "event `{}` belongs to the service `{service}`, and `{}` cannot publish it; publish an event of its own, or set SERVICE_NAME",
        OneLine(.event_type), OneLine(.publisher)
    )]
    OtherService {
        /// The event's type.
        event_type: String,
        /// The service that the event's type names.
        service: &'static str,
        /// The service that published.
        publisher: String,
    },
    /// The topic's name is not one that Kafka accepts.
    #[error("`{}` cannot be a Kafka topic: {}", OneLine(.topic), OneLine(.problem))]
    InvalidTopic {
        /// The refused name.
        topic: String,
        /// The fault, and the accepted form.
        problem: String,
    },
    /// A value given as data, state or context could not be written as JSON.
    #[error("`{field}` cannot be written as JSON")]
    Serialize {
        /// The part of the event that failed.
        field: String,
        /// Serde's reason. It names the event's type if a value of the event failed.
        #[source]
        source: serde_json::Error,
    },
    /// The broker, or this client before it, refused the event.
    #[error("event {id} was not delivered to topic `{topic}`{}", because(.connection.as_deref()))]
    Delivery {
        /// The event's id.
        id: Uuid,
        /// The topic that it was bound for.
        topic: String,
        /// The reason why no broker could be reached, if that keeps the event back: the Kafka client's last words, and the
        /// variables to check.
        connection: Option<String>,
        /// The Kafka client's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The event has no way to go: this build has no Kafka client, which is the feature `kafka`, and no outbox is configured
    /// (`DATABASE_URL`). An event with a transaction needs neither.
    #[error(
        "event {id} for topic `{topic}` was not published: this build has no Kafka client, and DATABASE_URL names no outbox to keep it; set DATABASE_URL, publish in a transaction, or enable the `kafka` feature of marty-events"
    )]
    NoKafkaClient {
        /// The event's id.
        id: Uuid,
        /// The topic that it was bound for.
        topic: String,
    },
    /// The topic does not exist, and the cluster makes none by itself. A direct event is kept where an outbox is configured.
    #[error("event {id} was not delivered: there is no topic `{topic}`, and the brokers make none by themselves")]
    UnknownTopic {
        /// The event's id.
        id: Uuid,
        /// The topic that is missing.
        topic: String,
    },
    /// The event is larger than the producer takes (`KAFKA_PRODUCER_MESSAGE_MAX_BYTES`).
    #[error(
        "event {id} for topic `{topic}` has {size} bytes, and the producer takes {limit}; publish a reference to the data instead, or raise KAFKA_PRODUCER_MESSAGE_MAX_BYTES and the topic's `max.message.bytes`"
    )]
    TooLarge {
        /// The event's id.
        id: Uuid,
        /// The topic that it was bound for.
        topic: String,
        /// Its size in bytes, as a record batch of its own: the size that a broker measures.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The broker refused the event, because it is larger than its topic takes (`max.message.bytes`).
    #[error(
        "event {id} has {size} bytes, and the topic `{topic}` takes {}; publish a reference to the data instead, or raise the topic's `max.message.bytes`",
        .limit.map_or_else(|| "less".to_owned(), |limit| limit.to_string())
    )]
    TooLargeForTopic {
        /// The event's id.
        id: Uuid,
        /// The topic that it was bound for.
        topic: String,
        /// Its size in bytes, as a record batch of its own.
        size: usize,
        /// The topic's limit in bytes, where the brokers say it to this client.
        limit: Option<u64>,
    },
    /// The Kafka client could not be made or asked.
    #[error("the Kafka client failed")]
    Kafka(#[source] Box<dyn Error + Send + Sync>),
    /// The outbox table does not exist in the database (or not for this user), or lacks a column that came later.
    #[error(
        "the outbox table `{table}` does not exist, or is of an earlier version; run `marty_events::outbox::migrate` or apply the shipped SQL"
    )]
    OutboxTableMissing {
        /// The table that was looked for.
        table: String,
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database user may not use the outbox's tables. To write events, it needs `INSERT` on the outbox; to relay them, all
    /// four rights on all the tables.
    #[error("the database user {user} may not use the outbox; run {grant}")]
    OutboxForbidden {
        /// The user without the rights.
        user: String,
        /// The statements that give the missing rights, with `; ` between them. A check of the tables, as a relay makes at its start, names
        /// the missing rights and the user. The error of a single statement has all rights of a role, and dots for the user.
        grant: String,
    },
    /// The sequence of the outbox's numbers gives them out in batches, so that they are not in the order in which they are drawn: events
    /// would be delivered out of order or late.
    #[error(
        "the numbers of the outbox table `{table}` come in batches of {cache}; run `ALTER SEQUENCE {sequence} CACHE 1`"
    )]
    CachedSequence {
        /// The outbox table.
        table: String,
        /// The sequence of its column `seq`.
        sequence: String,
        /// The count of numbers that a connection draws at a time.
        cache: i64,
    },
    /// A table of the outbox cannot serve this database user as it is: it hides rows, keeps them from being written, or is not a table. Events
    /// would wait for ever, or be lost, and nothing would say so.
    #[error("the table `{table}` cannot serve as a part of the outbox: {problem}; {advice}")]
    OutboxUnfit {
        /// The table.
        table: String,
        /// The fault.
        problem: String,
        /// The command to run, or the setting to change.
        advice: String,
    },
    /// The connection is not inside a transaction, so the event could not be tied to the caller's commit.
    #[error("the connection is not in a transaction; begin one, and pass its handle")]
    NotInTransaction,
    /// The handle belongs to a database that has no outbox in this build.
    #[error("no outbox for {database} in this build; enable the `{feature}` feature of marty-events")]
    UnsupportedDatabase {
        /// The database.
        database: &'static str,
        /// The Cargo feature that adds it.
        feature: &'static str,
    },
    /// Another open transaction writes events of the same keys in another order, or kept them for too long
    /// ([`EventOrdering::Commit`](crate::EventOrdering::Commit)): a deadlock or a lock time-out.
    #[error(
        "the order of commits could not be kept beside another transaction; roll back, and do the transaction again"
    )]
    OrderingConflict {
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The transaction read before it wrote, and SQLite cannot let it write any more: another connection has written since, or writes
    /// just now. Begun with `BEGIN IMMEDIATE`, a transaction waits for its turn instead.
    #[error(
        "the transaction read before it wrote, and another connection writes; begin it with `BEGIN IMMEDIATE` (`pool.begin_with(\"BEGIN IMMEDIATE\")`); roll back, and do it again"
    )]
    WriteConflict {
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The outbox database refused or broke off an operation.
    #[error("the outbox could not {operation}")]
    Outbox {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The outbox database refused the operation itself: a value that it does not take, a constraint, a misused protocol. Another try fails
    /// too, until somebody changes something.
    #[error("the outbox could not {operation}, and another try does not help")]
    OutboxRefused {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The inbox's tables do not exist in the database (or not for this user), or lack a column that came later.
    #[error(
        "the inbox table `{table}` does not exist, or is of an earlier version; run `marty_events::inbox::migrate` or apply the shipped SQL"
    )]
    InboxTableMissing {
        /// The table that was looked for.
        table: String,
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database user may not use the inbox's tables. A consumer needs all four rights on both.
    #[error("the database user {user} may not use the inbox{doubt}; run {grant}")]
    InboxForbidden {
        /// The user without the rights.
        user: String,
        /// Empty where the tables are there. MySQL and MariaDB tell a user without rights the same of tables that are missing.
        doubt: &'static str,
        /// The statements that give the rights, with `; ` between them. In MySQL and MariaDB, a check of the tables names the user; otherwise
        /// dots stand for it.
        grant: String,
    },
    /// A table of the inbox cannot serve this database user as it is: it hides rows, keeps them from being written, or is not a table. An
    /// event could be lost or have its effect twice, and nothing would say so.
    #[error("the table `{table}` cannot serve as a part of the inbox: {problem}; {advice}")]
    InboxUnfit {
        /// The table.
        table: String,
        /// The fault.
        problem: String,
        /// The command to run, or the setting to change.
        advice: String,
    },
    /// The inbox database broke off an operation. Another try may succeed.
    #[error("the inbox could not {operation}")]
    Inbox {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The inbox database refused the operation itself. Another try fails too, until somebody changes something.
    #[error("the inbox could not {operation}, and another try does not help")]
    InboxRefused {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The tables of the outbox or the inbox could not be created or brought up to date.
    #[error("the tables could not be migrated")]
    Migrate(#[source] Box<dyn Error + Send + Sync>),
    /// The thread that delivers events without a waiting caller could not be started.
    #[error("the background thread could not be started")]
    Background {
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// This version cannot read a row of the outbox.
    #[error("outbox row {seq} cannot be read: {}", OneLine(.problem))]
    UnreadableRow {
        /// The row's sequence number.
        seq: i64,
        /// The fault.
        problem: String,
    },
    /// `shutdown` ran out of time; the events counted here were accepted but are not known to be delivered.
    #[error("{undelivered} accepted events were not delivered within the shutdown limit of {limit:?}")]
    Undelivered {
        /// The count of these events.
        undelivered: usize,
        /// The time that `shutdown` waited.
        limit: std::time::Duration,
    },
}

/// A text of unknown origin, which cannot begin a line of its own in a log or turn a terminal's colours: control characters,
/// Unicode's line ends, and marks that turn the direction of writing, are escaped.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| {
            if letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
                write!(f, "{}", letter.escape_default())
            } else {
                f.write_char(letter)
            }
        })
    }
}

/// The cause of an error, for a field of its own in the log; empty if there is none.
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

pub(crate) fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {}", OneLine(reason))).unwrap_or_default()
}

/// The texts of the error and its causes. The parts of a database's error stay out: a refused row is among them, and so
/// the beginning of its payload.
impl fmt::Debug for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventError({self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        f.write_str(")")
    }
}

impl EventError {
    /// True if the database works and refuses the operation until somebody changes something.
    pub(crate) fn is_refusal(&self) -> bool {
        use EventError::{
            CachedSequence, InboxForbidden, InboxRefused, InboxTableMissing, InboxUnfit, OutboxForbidden,
            OutboxRefused, OutboxTableMissing, OutboxUnfit,
        };
        matches!(
            self,
            OutboxTableMissing { .. }
                | OutboxForbidden { .. }
                | OutboxUnfit { .. }
                | OutboxRefused { .. }
                | InboxTableMissing { .. }
                | InboxForbidden { .. }
                | InboxUnfit { .. }
                | InboxRefused { .. }
                | CachedSequence { .. }
        )
    }
}
