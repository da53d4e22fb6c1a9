//! Statements over a table whose name is configured.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::OutboxTable;

/// Writes the configured names into a statement: `{outbox}`, `{dead}`, `{published}`, `{relays}` and `{lanes}` stand for the tables.
///
/// The names are safe to write into it: an [`OutboxTable`] holds plain identifiers only, and they are quoted.
pub(crate) fn statement(template: &str, table: &OutboxTable) -> SqlStr {
    let text = template
        .replace("{outbox}", &quoted(table, ""))
        .replace("{dead}", &quoted(table, "_dead_letters"))
        .replace("{published_at}", &format!("\"{}_published_at\"", table.name()))
        .replace("{published}", &quoted(table, "_published"))
        .replace("{relays}", &quoted(table, "_relays"))
        .replace("{lanes}", &quoted(table, "_lanes"));
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

/// `"schema"."table_suffix"`.
pub(crate) fn quoted(table: &OutboxTable, suffix: &str) -> String {
    let name = table.name();
    match table.schema() {
        Some(schema) => format!("\"{schema}\".\"{name}{suffix}\""),
        None => format!("\"{name}{suffix}\""),
    }
}
