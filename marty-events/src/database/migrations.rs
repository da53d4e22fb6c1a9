//! Applying versions: which are there, which are not, and whose they are.
//!
//! sqlx's own runner is not used. It refuses versions of a later release, and it keeps its lock on the connection where it fails.

use std::{borrow::Cow, future::Future};

use sqlx::{
    SqlStr,
    migrate::{Migrate, MigrateError, Migration, MigrationType},
};

use super::{OutboxTable, Quotes};

/// The tables of one room in one database, in versions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema {
    pub(crate) versions: &'static [Version],
    /// The names in the shipped text and their placeholders, the longer names first.
    pub(crate) names: &'static [(&'static str, &'static str)],
    /// Writes the configured names into a statement.
    pub(crate) statement: fn(Quotes, &str, &OutboxTable) -> SqlStr,
    pub(crate) fill: Option<Fill>,
}

/// Rows that the versions have written and nobody can do without: a copy of the schema alone lacks them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill {
    /// Answers a row where rows are missing.
    pub(crate) missing: &'static str,
    /// Puts them back.
    pub(crate) statements: &'static [&'static str],
}

/// One version of the tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    description: &'static str,
    sql: &'static str,
    /// The suffix of a table, and a column of it: the last thing that the version makes. Where it is there and the version is not written
    /// down as applied, somebody ran the shipped SQL by hand.
    sign: (&'static str, &'static str),
}

impl Version {
    pub(crate) const fn new(description: &'static str, sql: &'static str, sign: (&'static str, &'static str)) -> Self {
        Self { description, sql, sign }
    }

    /// Line ends are not part of a version: a checkout may have changed them.
    fn migration(
        &self,
        number: i64,
        quotes: Quotes,
        schema: &Schema,
        table: &OutboxTable,
        line_end: &str,
    ) -> Migration {
        let text = self.sql.replace("\r\n", "\n").replace('\n', line_end);
        let template = schema.names.iter().fold(text, |text, (name, placeholder)| text.replace(name, placeholder));
        let sql = (schema.statement)(quotes, &template, table);
        Migration::new(number, Cow::Borrowed(self.description), MigrationType::Simple, sql, false)
    }
}

/// The questions to a database that sqlx does not ask.
trait Tables: Migrate {
    const QUOTES: Quotes;

    /// True if the table with this suffix has this column.
    fn has(
        &mut self,
        table: &OutboxTable,
        sign: (&'static str, &'static str),
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// True if the statement answers a row.
    fn answers(&mut self, statement: SqlStr) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    fn execute_once(&mut self, statement: SqlStr) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Forgets a version that was begun and broke off, where it can be run again.
    fn resume(&mut self, version: i64, _: &OutboxTable) -> impl Future<Output = Result<(), MigrateError>> + Send {
        async move { Err(MigrateError::Dirty(version)) }
    }
}

/// The applied versions are kept beside the table, under its own name, so that they meet neither those of the user's
/// own migrations nor those of another outbox in the same database.
async fn apply<C: Tables>(connection: &mut C, schema: &Schema, table: &OutboxTable) -> Result<(), MigrateError> {
    let name = C::QUOTES.quoted(table, "_migrations");
    if !connection.has(table, ("_migrations", "version")).await? {
        connection.ensure_migrations_table(&name).await?;
    }
    if let Some(version) = connection.dirty_version(&name).await? {
        connection.resume(version, table).await?;
    }
    let applied = connection.list_applied_migrations(&name).await?;
    for (number, version) in (1..).zip(schema.versions) {
        let migration = version.migration(number, C::QUOTES, schema, table, "\n");
        match applied.iter().find(|applied| applied.version == number) {
            Some(applied) if applied.checksum == migration.checksum => {}
            Some(applied)
                if applied.checksum == version.migration(number, C::QUOTES, schema, table, "\r\n").checksum => {}
            Some(_) => return Err(MigrateError::VersionMismatch(number)),
            None if connection.has(table, version.sign).await? => connection.skip(&name, &migration).await?,
            None => drop(connection.apply(&name, &migration).await?),
        }
    }
    let Some(fill) = schema.fill else { return Ok(()) };
    if connection.answers((schema.statement)(C::QUOTES, fill.missing, table)).await? {
        for statement in fill.statements {
            connection.execute_once((schema.statement)(C::QUOTES, statement, table)).await?;
        }
    }
    Ok(())
}

#[cfg(feature = "postgres")]
pub(crate) use postgres::run as postgres;
#[cfg(feature = "postgres")]
mod postgres {
    use sqlx::{Connection, PgConnection, PgPool, SqlStr};

    use super::{
        super::{Fault, Link},
        MigrateError, OutboxTable, Quotes, Schema, Tables, apply,
    };

    /// Looks in the schema alone in which tables would be made: another schema of the `search_path` may have an outbox of its own.
    const HAS: &str = "
        SELECT EXISTS (SELECT FROM pg_attribute AS columns JOIN pg_class AS tables ON tables.oid = columns.attrelid
        WHERE columns.attrelid = to_regclass($1) AND columns.attname = $2 AND NOT columns.attisdropped
            AND tables.relnamespace = to_regnamespace(coalesce($3, quote_ident(current_schema()))))";

    /// A pooler in transaction mode gives connections on which others have prepared statements under the same names.
    const FORGET: &str = "DEALLOCATE ALL";

    /// All in one transaction, under a lock that ends with it: behind a pooler, a lock of the session would stay on a connection of
    /// others. The lock is the one that sqlx takes, so migrations of the service's own wait for these.
    pub(crate) async fn run(pool: &PgPool, schema: &Schema, table: &OutboxTable) -> Result<(), MigrateError> {
        match run_on(pool, schema, table, false).await {
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))
                if Fault::of(&error) == Fault::Pooled =>
            {
                run_on(pool, schema, table, true).await
            }
            done => done,
        }
    }

    async fn run_on(pool: &PgPool, schema: &Schema, table: &OutboxTable, is_shared: bool) -> Result<(), MigrateError> {
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
        apply(&mut *transaction, schema, table).await?;
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

        async fn answers(&mut self, statement: SqlStr) -> Result<bool, sqlx::Error> {
            sqlx::query(statement).persistent(false).fetch_optional(self).await.map(|row| row.is_some())
        }

        async fn execute_once(&mut self, statement: SqlStr) -> Result<(), sqlx::Error> {
            sqlx::query(statement).persistent(false).execute(self).await.map(drop)
        }
    }
}

#[cfg(feature = "sqlite")]
pub(crate) use sqlite::run as sqlite;
#[cfg(feature = "sqlite")]
mod sqlite {
    use sqlx::{SqlStr, SqliteConnection, SqlitePool};

    use super::{MigrateError, OutboxTable, Quotes, Schema, Tables, apply};

    /// All in one transaction that has the write lock from its beginning, so that two of them take turns.
    pub(crate) async fn run(pool: &SqlitePool, schema: &Schema, table: &OutboxTable) -> Result<(), MigrateError> {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        apply(&mut *transaction, schema, table).await?;
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

        async fn answers(&mut self, statement: SqlStr) -> Result<bool, sqlx::Error> {
            sqlx::query(statement).persistent(false).fetch_optional(self).await.map(|row| row.is_some())
        }

        async fn execute_once(&mut self, statement: SqlStr) -> Result<(), sqlx::Error> {
            sqlx::query(statement).persistent(false).execute(self).await.map(drop)
        }
    }
}

#[cfg(feature = "mysql")]
pub(crate) use mysql::run as mysql;
#[cfg(feature = "mysql")]
mod mysql {
    use sqlx::{AssertSqlSafe, MySqlConnection, MySqlPool, SqlStr, migrate::Migrate};

    use super::{super::Link, MigrateError, OutboxTable, Quotes, Schema, Tables, apply};

    const HAS: &str = "
        SELECT count(*) FROM information_schema.columns
        WHERE table_schema = coalesce(?, database()) AND table_name = ? AND column_name = ?";

    /// Each statement is committed by itself, so what broke off is run again. The lock is the session's: the connection is closed
    /// where this future is dropped, and where the database refuses.
    pub(crate) async fn run(pool: &MySqlPool, schema: &Schema, table: &OutboxTable) -> Result<(), MigrateError> {
        let mut link = Link::take(pool).await?;
        link.lock().await?;
        apply(&mut *link, schema, table).await?;
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

        async fn answers(&mut self, statement: SqlStr) -> Result<bool, sqlx::Error> {
            sqlx::query(statement).persistent(false).fetch_optional(self).await.map(|row| row.is_some())
        }

        async fn execute_once(&mut self, statement: SqlStr) -> Result<(), sqlx::Error> {
            sqlx::query(statement).persistent(false).execute(self).await.map(drop)
        }

        async fn resume(&mut self, version: i64, table: &OutboxTable) -> Result<(), MigrateError> {
            tracing::warn!(version, %table, "a migration broke off; it is run again");
            let migrations = Quotes::Backticks.quoted(table, "_migrations");
            let forget = AssertSqlSafe(format!("DELETE FROM {migrations} WHERE version = ? AND NOT success"));
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
        let schema = Schema {
            versions: &[],
            names: &[],
            statement: |quotes, sql, table| quotes.statement(sql, table),
            fill: None,
        };
        let checksum =
            |version: &Version, line_end| version.migration(1, Quotes::Double, &schema, &table, line_end).checksum;
        assert_eq!(checksum(&unix, "\n"), checksum(&windows, "\n"));
        assert_eq!(checksum(&unix, "\r\n"), checksum(&windows, "\r\n"));
        assert_ne!(checksum(&unix, "\n"), checksum(&unix, "\r\n"));
    }
}
