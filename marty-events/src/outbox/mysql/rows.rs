//! Rows of MySQL and MariaDB.

super::super::text_rows::text_rows!(sqlx::mysql::MySqlRow);
