//! Rows of SQLite.

super::super::text_rows::text_rows!(sqlx::sqlite::SqliteRow);
