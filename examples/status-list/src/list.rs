//! The handling service: a list of the certificates that are revoked.

use marty_events::{EventError, GiveUp, Received, domain_event, event_handlers};
use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::events::CertificateRevoked;

/// The list and its handlers.
#[derive(Debug, Clone, Copy)]
pub struct StatusList;

/// The reason why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The event is tried again.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// An event of the list's own was not written.
    #[error("the list's own event was not written")]
    Event(#[from] EventError),
    /// No certificate has such a number. The event is a dead letter at once.
    #[error("a certificate has a positive number")]
    Number(#[source] GiveUp),
}

#[event_handlers]
impl StatusList {
    /// The row of the list, the list's own event, and the memory that this event was handled commit together.
    #[event_handler(attempts = 5)]
    async fn revoked(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        event: Received<CertificateRevoked>,
    ) -> Result<(), ListError> {
        if event.serial <= 0 {
            return Err(ListError::Number(GiveUp::new("a number below 1")));
        }
        self.add(tx, event.into_inner()).await
    }

    /// The event of the list has the authority's event as its cause.
    #[domain_event(aggregate_type = "status_list", event_type = "entry_added", aggregate_id_field = "entry.serial")]
    async fn add(&self, tx: &mut Transaction<'_, Sqlite>, entry: CertificateRevoked) -> Result<(), ListError> {
        let insert = "INSERT INTO entries (serial, reason) VALUES ($1, $2)";
        sqlx::query(insert).bind(entry.serial).bind(entry.reason).execute(&mut **tx).await?;
        Ok(())
    }
}

impl StatusList {
    /// Makes the table of entries.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub async fn create_table(pool: &SqlitePool) -> Result<(), sqlx::Error> {
        // Not unique on purpose: an event that is handled twice would show.
        sqlx::query("CREATE TABLE entries (serial INTEGER NOT NULL, reason TEXT NOT NULL)").execute(pool).await?;
        Ok(())
    }

    /// The entries in the order in which they came.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub async fn entries(pool: &SqlitePool) -> Result<Vec<(i64, String)>, sqlx::Error> {
        sqlx::query_as("SELECT serial, reason FROM entries ORDER BY rowid").fetch_all(pool).await
    }
}
