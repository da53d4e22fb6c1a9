//! Rows of SQLite.

super::super::rows::text_rows!(sqlx::sqlite::SqliteRow);
