//! Rows of MySQL and MariaDB.

super::super::rows::text_rows!(sqlx::mysql::MySqlRow);
