//! The statement that lets a user make the tables of an outbox or an inbox.

use std::error::Error;

use marty_events::{EventError, outbox::OutboxPool};

/// The statement, where the database refused a migration for want of a right that one gives.
#[cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    expect(unused_variables, reason = "SQLite has no rights")
)]
pub(crate) async fn to_create(error: &EventError, pool: &OutboxPool, table: &str) -> Option<String> {
    let code = database_code(error)?;
    let schema = table.split_once('.').map(|(schema, _)| schema);
    match pool {
        // PostgreSQL: insufficient privilege.
        #[cfg(feature = "postgres")]
        OutboxPool::Postgres(pool) if code == "42501" => {
            let sql = "SELECT format('GRANT CREATE, USAGE ON SCHEMA %I TO %I', nspname, current_user) FROM pg_namespace
                WHERE nspname = coalesce($1, current_schema(), 'public') AND NOT has_schema_privilege(oid, 'CREATE')";
            sqlx::query_scalar(sql).bind(schema).fetch_optional(pool).await.ok()?
        }
        // MySQL: syntax error or access violation, which a missing right is.
        #[cfg(feature = "mysql")]
        OutboxPool::MySql(pool) if code == "42000" => {
            let sql = "SELECT concat('GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE ON `', coalesce(?, database()), '`.* TO ''',
                substring_index(current_user(), '@', 1), '''@''', substring_index(current_user(), '@', -1), '''')";
            sqlx::query_scalar(sql).bind(schema).fetch_optional(pool).await.ok()?
        }
        _ => None,
    }
}

fn database_code(error: &EventError) -> Option<String> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(sqlx::Error::Database(error)) = error.downcast_ref() {
            return error.code().map(Into::into);
        }
        next = error.source();
    }
    None
}
