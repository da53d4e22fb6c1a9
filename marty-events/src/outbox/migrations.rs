//! The outbox's tables, in versions.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{OutboxPool, OutboxTable, sql::Quotes};
use crate::EventError;

#[cfg(feature = "postgres")]
const POSTGRES: [(&str, &str); 3] = [
    ("outbox", include_str!("../../migrations/postgres/0001_outbox.sql")),
    ("lanes", include_str!("../../migrations/postgres/0002_lanes.sql")),
    ("marks", include_str!("../../migrations/postgres/0003_marks.sql")),
];
#[cfg(feature = "sqlite")]
const SQLITE: [(&str, &str); 3] = [
    ("outbox", include_str!("../../migrations/sqlite/0001_outbox.sql")),
    ("lanes", include_str!("../../migrations/sqlite/0002_lanes.sql")),
    ("leases", include_str!("../../migrations/sqlite/0003_leases.sql")),
];

#[cfg(feature = "mysql")]
const MYSQL: [(&str, &str); 2] = [
    ("outbox", include_str!("../../migrations/mysql/0001_outbox.sql")),
    ("leases", include_str!("../../migrations/mysql/0002_leases.sql")),
];

/// Creates the outbox's tables in the default place, `event_outbox`, or brings them up to date.
///
/// Safe to run at every start and from several processes at once. The same SQL is shipped as files in the crate's
/// `migrations` folder for a migration tool of your own. Dropping the future leaves the tables at the last version that
/// was completed.
///
/// # Errors
///
/// [`EventError::Migrate`] when the database refuses, for example for want of the right to create tables.
pub async fn migrate(pool: impl Into<OutboxPool>) -> Result<(), EventError> {
    migrate_table(pool, &OutboxTable::default()).await
}

/// [`migrate`] for a table of another name. The schema, where one is given, must exist.
///
/// # Errors
///
/// As [`migrate`].
pub async fn migrate_table(pool: impl Into<OutboxPool>, table: &OutboxTable) -> Result<(), EventError> {
    match pool.into() {
        #[cfg(feature = "postgres")]
        OutboxPool::Postgres(pool) => {
            migrator(&POSTGRES, Quotes::Double, table).run(&pool).await.map_err(EventError::Migrate)
        }
        #[cfg(feature = "sqlite")]
        OutboxPool::Sqlite(pool) => {
            migrator(&SQLITE, Quotes::Double, table).run(&pool).await.map_err(EventError::Migrate)
        }
        #[cfg(feature = "mysql")]
        OutboxPool::MySql(pool) => {
            migrator(&MYSQL, Quotes::Backticks, table).run(&pool).await.map_err(EventError::Migrate)
        }
        #[cfg(not(any(feature = "postgres", feature = "mysql", feature = "sqlite")))]
        OutboxPool::None(_) => Err(super::none::no_database()),
    }
}

/// The applied versions are kept beside the table, under its own name, so that they meet neither those of the user's
/// own migrations nor those of another outbox in the same database.
fn migrator(versions: &[(&'static str, &'static str)], quotes: Quotes, table: &OutboxTable) -> Migrator {
    let migrations = (1..)
        .zip(versions)
        .map(|(version, &(description, text))| {
            let statements = quotes.statement(&as_template(text), table);
            Migration::new(version, Cow::Borrowed(description), MigrationType::Simple, statements, false)
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.dangerous_set_table_name(quotes.quoted(table, "_migrations"));
    migrator
}

/// The shipped text with its names made replaceable, the longer ones first.
fn as_template(text: &str) -> String {
    text.replace("event_outbox_dead_letters", "{dead}")
        .replace("event_outbox_lanes", "{lanes}")
        .replace("event_outbox_relays", "{relays}")
        .replace("event_outbox_published_at", "{published_at}")
        .replace("event_outbox_published", "{published}")
        .replace("event_outbox_order_locks", "{order_locks}")
        .replace("event_outbox", "{outbox}")
}
