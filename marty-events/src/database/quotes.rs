//! Statements over a table whose name is configured.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::OutboxTable;

/// The characters that a database puts around a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// PostgreSQL and SQLite, by the SQL standard.
    Double,
    /// MySQL and MariaDB, in every `sql_mode`.
    #[cfg(feature = "mysql")]
    Backticks,
}

impl Quotes {
    fn mark(self) -> char {
        match self {
            Self::Double => '"',
            #[cfg(feature = "mysql")]
            Self::Backticks => '`',
        }
    }

    /// Writes the configured names into a statement: `{outbox}`, `{dead}`, `{published}`, `{relays}`, `{lanes}`,
    /// `{order_locks}` and `{migrations}` stand for the tables.
    ///
    /// The names are safe to write into it: an [`OutboxTable`] holds plain identifiers only, and they are quoted.
    pub(crate) fn statement(self, template: &str, table: &OutboxTable) -> SqlStr {
        let mark = self.mark();
        let text = template
            .replace("{outbox}", &self.quoted(table, ""))
            .replace("{dead}", &self.quoted(table, "_dead_letters"))
            .replace("{published_at}", &format!("{mark}{}_published_at{mark}", table.name()))
            .replace("{published}", &self.quoted(table, "_published"))
            .replace("{relays}", &self.quoted(table, "_relays"))
            .replace("{lanes}", &self.quoted(table, "_lanes"))
            .replace("{order_locks}", &self.quoted(table, "_order_locks"))
            .replace("{migrations}", &self.quoted(table, "_migrations"));
        AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
    }

    /// `"name"`, of an index: it has no schema of its own.
    #[cfg_attr(not(feature = "consumer"), allow(dead_code, reason = "the inbox asks for it"))]
    pub(crate) fn name(self, name: &str) -> String {
        let mark = self.mark();
        format!("{mark}{name}{mark}")
    }

    /// `"schema"."table_suffix"`.
    pub(crate) fn quoted(self, table: &OutboxTable, suffix: &str) -> String {
        let (mark, name) = (self.mark(), table.name());
        match table.schema() {
            Some(schema) => format!("{mark}{schema}{mark}.{mark}{name}{suffix}{mark}"),
            None => format!("{mark}{name}{suffix}{mark}"),
        }
    }
}
