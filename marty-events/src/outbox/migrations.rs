//! The outbox's tables, in versions.

mod run;

use super::{OutboxPool, OutboxTable};
use crate::EventError;
use run::Version;

#[cfg(feature = "postgres")]
const POSTGRES: [Version; 4] = [
    Version::new("outbox", include_str!("../../migrations/postgres/0001_outbox.sql"), ("_lanes", "lane")),
    Version::new("lanes", include_str!("../../migrations/postgres/0002_lanes.sql"), ("_relays", "relay")),
    Version::new("marks", include_str!("../../migrations/postgres/0003_marks.sql"), ("_lanes", "mark")),
    Version::new("names", include_str!("../../migrations/postgres/0004_names.sql"), ("_relays", "service")),
];
#[cfg(feature = "sqlite")]
const SQLITE: [Version; 4] = [
    Version::new("outbox", include_str!("../../migrations/sqlite/0001_outbox.sql"), ("_lanes", "lane")),
    Version::new("lanes", include_str!("../../migrations/sqlite/0002_lanes.sql"), ("_relays", "relay")),
    Version::new("leases", include_str!("../../migrations/sqlite/0003_leases.sql"), ("_lanes", "mark")),
    Version::new("names", include_str!("../../migrations/sqlite/0004_names.sql"), ("_relays", "service")),
];

#[cfg(feature = "mysql")]
const MYSQL: [Version; 3] = [
    Version::new("outbox", include_str!("../../migrations/mysql/0001_outbox.sql"), ("_order_locks", "bucket")),
    Version::new("leases", include_str!("../../migrations/mysql/0002_leases.sql"), ("_lanes", "mark")),
    Version::new("names", include_str!("../../migrations/mysql/0003_names.sql"), ("_relays", "service")),
];

/// Creates the outbox's tables in the default place, `event_outbox`, or brings them up to date.
///
/// Safe to run at every start and from several processes at once. The same SQL is shipped as files in the crate's
/// `migrations` folder for a migration tool of your own. Tables that were made by that SQL are taken over as they are.
/// Versions that a later release has applied are left alone, so a deployment can be rolled back. Where everything is
/// applied, nothing is written, and no right to create tables is needed.
///
/// Dropping the future leaves the tables as they were. MySQL and MariaDB commit each statement by itself: there the next
/// call goes on.
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
        OutboxPool::Postgres(pool) => run::postgres(&pool, &POSTGRES, table).await.map_err(failed),
        #[cfg(feature = "sqlite")]
        OutboxPool::Sqlite(pool) => run::sqlite(&pool, &SQLITE, table).await.map_err(failed),
        #[cfg(feature = "mysql")]
        OutboxPool::MySql(pool) => run::mysql(&pool, &MYSQL, table).await.map_err(failed),
    }
}

fn failed(error: sqlx::migrate::MigrateError) -> EventError {
    EventError::Migrate(Box::new(error))
}
