//! The outbox's tables, in versions.

use super::{OutboxPool, OutboxTable};
use crate::{
    EventError,
    database::migrations::{self, Fill, Schema, Version},
};

#[cfg(feature = "postgres")]
const POSTGRES_FILL: Fill = Fill {
    missing: "SELECT count(*) FROM {lanes} HAVING count(*) < 16",
    statements: &["INSERT INTO {lanes} (lane) SELECT generate_series(1, 16) ON CONFLICT DO NOTHING"],
};
#[cfg(feature = "postgres")]
const POSTGRES: Schema = schema(
    &[
        Version::new("outbox", include_str!("../../migrations/postgres/0001_outbox.sql"), ("_lanes", "lane")),
        Version::new("lanes", include_str!("../../migrations/postgres/0002_lanes.sql"), ("_relays", "relay")),
        Version::new("marks", include_str!("../../migrations/postgres/0003_marks.sql"), ("_lanes", "mark")),
        Version::new("names", include_str!("../../migrations/postgres/0004_names.sql"), ("_relays", "service")),
    ],
    POSTGRES_FILL,
);
#[cfg(feature = "sqlite")]
const SQLITE_FILL: Fill = Fill {
    missing: "SELECT count(*) FROM {lanes} HAVING count(*) < 16",
    statements: &["WITH RECURSIVE numbers (lane) AS (SELECT 1 UNION ALL SELECT lane + 1 FROM numbers WHERE lane < 16)
        INSERT INTO {lanes} (lane) SELECT lane FROM numbers WHERE lane NOT IN (SELECT lane FROM {lanes})"],
};
#[cfg(feature = "sqlite")]
const SQLITE: Schema = schema(
    &[
        Version::new("outbox", include_str!("../../migrations/sqlite/0001_outbox.sql"), ("_lanes", "lane")),
        Version::new("lanes", include_str!("../../migrations/sqlite/0002_lanes.sql"), ("_relays", "relay")),
        Version::new("leases", include_str!("../../migrations/sqlite/0003_leases.sql"), ("_lanes", "mark")),
        Version::new("names", include_str!("../../migrations/sqlite/0004_names.sql"), ("_relays", "service")),
    ],
    SQLITE_FILL,
);

#[cfg(feature = "mysql")]
const MYSQL_FILL: Fill = Fill {
    missing: "SELECT 1 FROM DUAL WHERE (SELECT count(*) FROM {lanes}) < 16 OR (SELECT count(*) FROM {order_locks}) < 256",
    statements: &[
        "INSERT IGNORE INTO {lanes} (lane)
            VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15), (16)",
        "INSERT IGNORE INTO {order_locks} (bucket) SELECT 16 * (high.lane - 1) + low.lane - 1
            FROM {lanes} AS high, {lanes} AS low WHERE high.lane BETWEEN 1 AND 16 AND low.lane BETWEEN 1 AND 16",
    ],
};
#[cfg(feature = "mysql")]
const MYSQL: Schema = schema(
    &[
        Version::new("outbox", include_str!("../../migrations/mysql/0001_outbox.sql"), ("_order_locks", "bucket")),
        Version::new("leases", include_str!("../../migrations/mysql/0002_leases.sql"), ("_lanes", "mark")),
        Version::new("names", include_str!("../../migrations/mysql/0003_names.sql"), ("_relays", "service")),
    ],
    MYSQL_FILL,
);

/// The names in the shipped text, the longer ones first.
const NAMES: [(&str, &str); 7] = [
    ("event_outbox_dead_letters", "{dead}"),
    ("event_outbox_lanes", "{lanes}"),
    ("event_outbox_relays", "{relays}"),
    ("event_outbox_published_at", "{published_at}"),
    ("event_outbox_published", "{published}"),
    ("event_outbox_order_locks", "{order_locks}"),
    ("event_outbox", "{outbox}"),
];

const fn schema(versions: &'static [Version], fill: Fill) -> Schema {
    Schema { versions, names: &NAMES, statement: |quotes, sql, table| quotes.statement(sql, table), fill: Some(fill) }
}

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
        OutboxPool::Postgres(pool) => migrations::postgres(&pool, &POSTGRES, table).await.map_err(failed),
        #[cfg(feature = "sqlite")]
        OutboxPool::Sqlite(pool) => migrations::sqlite(&pool, &SQLITE, table).await.map_err(failed),
        #[cfg(feature = "mysql")]
        OutboxPool::MySql(pool) => migrations::mysql(&pool, &MYSQL, table).await.map_err(failed),
    }
}

fn failed(error: sqlx::migrate::MigrateError) -> EventError {
    EventError::Migrate(Box::new(error))
}
