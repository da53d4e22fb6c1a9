//! Applying versions: which are there, which are not, and whose they are.
//!
//! sqlx's own runner is not used. It refuses versions of a later release, and it keeps its lock on the connection where it fails.

use std::{borrow::Cow, future::Future};

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType};

use super::super::{OutboxTable, Quotes};

/// One version of the tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version {
    description: &'static str,
    sql: &'static str,
    /// The suffix of a table, and a column of it: the last thing that the version makes. Where it is there and the version is not written
    /// down as applied, somebody ran the shipped SQL by hand.
    sign: (&'static str, &'static str),
}

impl Version {
    pub(super) const fn new(description: &'static str, sql: &'static str, sign: (&'static str, &'static str)) -> Self {
        Self { description, sql, sign }
    }

    /// Line ends are not part of a version: a checkout may have changed them.
    fn migration(&self, number: i64, quotes: Quotes, table: &OutboxTable, line_end: &str) -> Migration {
        let text = self.sql.replace("\r\n", "\n").replace('\n', line_end);
        let sql = quotes.statement(&as_template(&text), table);
        Migration::new(number, Cow::Borrowed(self.description), MigrationType::Simple, sql, false)
    }
}

/// The questions to a database that sqlx does not ask.
trait Tables: Migrate {
    const QUOTES: Quotes;

    /// True if the outbox's table with this suffix has this column.
    fn has(
        &mut self,
        table: &OutboxTable,
        sign: (&'static str, &'static str),
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// Puts rows back that the versions have written and relays cannot do without: a copy of the schema alone lacks them.
    fn fill(&mut self, table: &OutboxTable) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Forgets a version that was begun and broke off, where it can be run again.
    fn resume(&mut self, version: i64, _: &OutboxTable) -> impl Future<Output = Result<(), MigrateError>> + Send {
        async move { Err(MigrateError::Dirty(version)) }
    }
}

/// The applied versions are kept beside the table, under its own name, so that they meet neither those of the user's
/// own migrations nor those of another outbox in the same database.
async fn apply<C: Tables>(connection: &mut C, versions: &[Version], table: &OutboxTable) -> Result<(), MigrateError> {
    let name = C::QUOTES.quoted(table, "_migrations");
    if !connection.has(table, ("_migrations", "version")).await? {
        connection.ensure_migrations_table(&name).await?;
    }
    if let Some(version) = connection.dirty_version(&name).await? {
        connection.resume(version, table).await?;
    }
    let applied = connection.list_applied_migrations(&name).await?;
    for (number, version) in (1..).zip(versions) {
        let migration = version.migration(number, C::QUOTES, table, "\n");
        match applied.iter().find(|applied| applied.version == number) {
            Some(applied) if applied.checksum == migration.checksum => {}
            Some(applied) if applied.checksum == version.migration(number, C::QUOTES, table, "\r\n").checksum => {}
            Some(_) => return Err(MigrateError::VersionMismatch(number)),
            None if connection.has(table, version.sign).await? => connection.skip(&name, &migration).await?,
            None => drop(connection.apply(&name, &migration).await?),
        }
    }
    connection.fill(table).await.map_err(Into::into)
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

#[cfg(feature = "postgres")]
pub(super) use postgres::run as postgres;
#[cfg(feature = "postgres")]
mod postgres {
    use sqlx::{Connection, PgConnection, PgPool};

    use super::{
        super::super::{Fault, Link},
        MigrateError, OutboxTable, Quotes, Tables, Version, apply,
    };

    /// Looks in the schema alone in which tables would be made: another schema of the `search_path` may have an outbox of its own.
    const HAS: &str = "
        SELECT EXISTS (SELECT FROM pg_attribute AS columns JOIN pg_class AS tables ON tables.oid = columns.attrelid
        WHERE columns.attrelid = to_regclass($1) AND columns.attname = $2 AND NOT columns.attisdropped
            AND tables.relnamespace = to_regnamespace(coalesce($3, quote_ident(current_schema()))))";

    const FILL: &str = "INSERT INTO {lanes} (lane) SELECT generate_series(1, 16) ON CONFLICT DO NOTHING";

    /// A pooler in transaction mode gives connections on which others have prepared statements under the same names.
    const FORGET: &str = "DEALLOCATE ALL";

    /// All in one transaction, under a lock that ends with it: behind a pooler, a lock of the session would stay on a connection of
    /// others. The lock is the one that sqlx takes, so migrations of the service's own wait for these.
    pub(in super::super) async fn run(
        pool: &PgPool,
        versions: &[Version],
        table: &OutboxTable,
    ) -> Result<(), MigrateError> {
        match run_on(pool, versions, table, false).await {
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))
                if Fault::of(&error) == Fault::Pooled =>
            {
                run_on(pool, versions, table, true).await
            }
            done => done,
        }
    }

    async fn run_on(
        pool: &PgPool,
        versions: &[Version],
        table: &OutboxTable,
        is_shared: bool,
    ) -> Result<(), MigrateError> {
        let mut link = Link::take(pool).await?;
        let mut transaction = link.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        if is_shared {
            transaction.clear_cached_statements().await?;
            sqlx::raw_sql(FORGET).execute(&mut *transaction).await?;
        }
        let database: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut *transaction).await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(0x3d32_ad9e * i64::from(crc32fast::hash(database.as_bytes())))
            .execute(&mut *transaction)
            .await?;
        apply(&mut *transaction, versions, table).await?;
        // Behind a pooler, the next client of this session would run what is prepared here in place of its own.
        sqlx::raw_sql(FORGET).execute(&mut *transaction).await?;
        transaction.commit().await?;
        // The connection does not know that its statements are gone, and is closed.
        drop(link);
        Ok(())
    }

    impl Tables for PgConnection {
        const QUOTES: Quotes = Quotes::Double;

        async fn has(&mut self, table: &OutboxTable, (suffix, column): (&str, &str)) -> Result<bool, sqlx::Error> {
            sqlx::query_scalar(HAS)
                .bind(Quotes::Double.quoted(table, suffix))
                .bind(column)
                .bind(table.schema().map(|schema| format!("\"{schema}\"")))
                .fetch_one(self)
                .await
        }

        async fn fill(&mut self, table: &OutboxTable) -> Result<(), sqlx::Error> {
            let count = Quotes::Double.statement("SELECT count(*) FROM {lanes}", table);
            let lanes: i64 = sqlx::query_scalar(count).fetch_one(&mut *self).await?;
            if lanes < 16 {
                sqlx::query(Quotes::Double.statement(FILL, table)).execute(self).await?;
            }
            Ok(())
        }
    }
}

#[cfg(feature = "sqlite")]
pub(super) use sqlite::run as sqlite;
#[cfg(feature = "sqlite")]
mod sqlite {
    use sqlx::{SqliteConnection, SqlitePool};

    use super::{MigrateError, OutboxTable, Quotes, Tables, Version, apply};

    const FILL: &str = "
        WITH RECURSIVE numbers (lane) AS (SELECT 1 UNION ALL SELECT lane + 1 FROM numbers WHERE lane < 16)
        INSERT INTO {lanes} (lane) SELECT lane FROM numbers WHERE lane NOT IN (SELECT lane FROM {lanes})";

    /// All in one transaction that has the write lock from its beginning, so that two of them take turns.
    pub(in super::super) async fn run(
        pool: &SqlitePool,
        versions: &[Version],
        table: &OutboxTable,
    ) -> Result<(), MigrateError> {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        apply(&mut *transaction, versions, table).await?;
        transaction.commit().await.map_err(Into::into)
    }

    impl Tables for SqliteConnection {
        const QUOTES: Quotes = Quotes::Double;

        async fn has(&mut self, table: &OutboxTable, (suffix, column): (&str, &str)) -> Result<bool, sqlx::Error> {
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1, ?2) WHERE name = ?3)")
                .bind(format!("{}{suffix}", table.name()))
                .bind(table.schema().unwrap_or("main"))
                .bind(column)
                .fetch_one(self)
                .await
        }

        async fn fill(&mut self, table: &OutboxTable) -> Result<(), sqlx::Error> {
            sqlx::query(Quotes::Double.statement(FILL, table)).execute(self).await.map(drop)
        }
    }
}

#[cfg(feature = "mysql")]
pub(super) use mysql::run as mysql;
#[cfg(feature = "mysql")]
mod mysql {
    use sqlx::{MySqlConnection, MySqlPool, migrate::Migrate};

    use super::{super::super::Link, MigrateError, OutboxTable, Quotes, Tables, Version, apply};

    const HAS: &str = "
        SELECT count(*) FROM information_schema.columns
        WHERE table_schema = coalesce(?, database()) AND table_name = ? AND column_name = ?";

    /// Each statement is committed by itself, so what broke off is run again. The lock is the session's: the connection is closed
    /// where this future is dropped, and where the database refuses.
    pub(in super::super) async fn run(
        pool: &MySqlPool,
        versions: &[Version],
        table: &OutboxTable,
    ) -> Result<(), MigrateError> {
        let mut link = Link::take(pool).await?;
        link.lock().await?;
        apply(&mut *link, versions, table).await?;
        link.unlock().await?;
        link.end(Ok(()), |_| true).map_err(Into::into)
    }

    impl Tables for MySqlConnection {
        const QUOTES: Quotes = Quotes::Backticks;

        async fn has(&mut self, table: &OutboxTable, (suffix, column): (&str, &str)) -> Result<bool, sqlx::Error> {
            let found: i64 = sqlx::query_scalar(HAS)
                .bind(table.schema())
                .bind(format!("{}{suffix}", table.name()))
                .bind(column)
                .fetch_one(self)
                .await?;
            Ok(0 < found)
        }

        async fn fill(&mut self, table: &OutboxTable) -> Result<(), sqlx::Error> {
            let missing = Quotes::Backticks.statement(
                "SELECT (SELECT count(*) FROM {lanes}) < 16 OR (SELECT count(*) FROM {order_locks}) < 256",
                table,
            );
            if sqlx::query_scalar::<_, i64>(missing).fetch_one(&mut *self).await? == 0 {
                return Ok(());
            }
            let rows = |numbers: std::ops::Range<u32>| {
                numbers.map(|number| format!("({number})")).collect::<Vec<_>>().join(", ")
            };
            for template in [
                format!("INSERT IGNORE INTO {{lanes}} (lane) VALUES {}", rows(1..17)),
                format!("INSERT IGNORE INTO {{order_locks}} (bucket) VALUES {}", rows(0..256)),
            ] {
                let fill = Quotes::Backticks.statement(&template, table);
                sqlx::query(fill).persistent(false).execute(&mut *self).await?;
            }
            Ok(())
        }

        async fn resume(&mut self, version: i64, table: &OutboxTable) -> Result<(), MigrateError> {
            tracing::warn!(version, %table, "a migration of the outbox broke off; it is run again");
            let forget =
                Quotes::Backticks.statement("DELETE FROM {migrations} WHERE version = ? AND NOT success", table);
            sqlx::query(forget).bind(version).execute(self).await?;
            Ok(())
        }
    }
}

#[cfg(test)]
#[cfg(feature = "postgres")]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_same_whatever_its_line_ends() {
        let table = OutboxTable::default();
        let unix = Version::new("d", "CREATE TABLE event_outbox (\n  seq bigint\n);\n", ("", "seq"));
        let windows = Version { sql: "CREATE TABLE event_outbox (\r\n  seq bigint\r\n);\r\n", ..unix };
        let checksum = |version: &Version, line_end| version.migration(1, Quotes::Double, &table, line_end).checksum;
        assert_eq!(checksum(&unix, "\n"), checksum(&windows, "\n"));
        assert_eq!(checksum(&unix, "\r\n"), checksum(&windows, "\r\n"));
        assert_ne!(checksum(&unix, "\n"), checksum(&unix, "\r\n"));
    }
}
