use std::path::PathBuf;

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tempfile::TempDir;

/// A SQLite database in a folder of its own, which is removed with it.
#[derive(Debug)]
pub struct Database {
    /// Connections to it.
    pub pool: SqlitePool,
    file: PathBuf,
    _folder: TempDir,
}

impl Database {
    /// A new, empty one.
    pub async fn create() -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("example.db");
        // WAL lets the relay read while the service writes.
        let options =
            SqliteConnectOptions::new().filename(&file).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        Ok(Self { pool: SqlitePool::connect_with(options).await?, file, _folder: folder })
    }

    /// The address for another process: the value of `DATABASE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.file.display())
    }
}
