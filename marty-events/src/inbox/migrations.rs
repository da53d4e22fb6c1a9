//! The inbox's tables, in versions.

use super::{InboxTable, table::statement};
use crate::{
    EventError,
    database::{
        OutboxPool,
        migrations::{self, Schema, Version},
    },
};

#[cfg(feature = "postgres")]
const POSTGRES: Schema = schema(&[Version::new(
    "inbox",
    include_str!("../../migrations/inbox/postgres/0001_inbox.sql"),
    ("_parked", "state"),
)]);
#[cfg(feature = "mysql")]
const MYSQL: Schema =
    schema(&[Version::new("inbox", include_str!("../../migrations/inbox/mysql/0001_inbox.sql"), ("_parked", "state"))]);
#[cfg(feature = "sqlite")]
const SQLITE: Schema = schema(&[Version::new(
    "inbox",
    include_str!("../../migrations/inbox/sqlite/0001_inbox.sql"),
    ("_parked", "state"),
)]);

/// The names in the shipped text, the longer ones first.
const NAMES: [(&str, &str); 5] = [
    ("event_inbox_parked_order", "{order_index}"),
    ("event_inbox_parked_due", "{due_index}"),
    ("event_inbox_parked", "{parked}"),
    ("event_inbox_taken_at", "{taken_index}"),
    ("event_inbox", "{inbox}"),
];

const fn schema(versions: &'static [Version]) -> Schema {
    Schema { versions, names: &NAMES, statement, fill: None }
}

/// Creates the inbox's tables in the default place, `event_inbox`, or brings them up to date.
///
/// It is as safe as the outbox's [`migrate`](crate::outbox::migrate): at every start, from several processes at once, and beside versions
/// of a later release. The same SQL is shipped as files in the crate's folder `migrations/inbox`.
///
/// # Errors
///
/// [`EventError::Migrate`] when the database refuses, for example for want of the right to create tables.
pub async fn migrate(pool: impl Into<OutboxPool>) -> Result<(), EventError> {
    migrate_table(pool, &InboxTable::default()).await
}

/// [`migrate`] for a table of another name. The schema, where one is given, must exist.
///
/// # Errors
///
/// As [`migrate`].
pub async fn migrate_table(pool: impl Into<OutboxPool>, table: &InboxTable) -> Result<(), EventError> {
    let table = table.name();
    let done = match pool.into() {
        #[cfg(feature = "postgres")]
        OutboxPool::Postgres(pool) => migrations::postgres(&pool, &POSTGRES, table).await,
        #[cfg(feature = "mysql")]
        OutboxPool::MySql(pool) => migrations::mysql(&pool, &MYSQL, table).await,
        #[cfg(feature = "sqlite")]
        OutboxPool::Sqlite(pool) => migrations::sqlite(&pool, &SQLITE, table).await,
    };
    done.map_err(|error| EventError::Migrate(Box::new(error)))
}
