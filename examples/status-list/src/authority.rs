//! The publishing service.

use marty_events::{EventError, domain_event};
use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::events::CertificateRevoked;

/// Makes the table of certificates.
///
/// # Errors
///
/// When the database refuses.
pub async fn create_table(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    sqlx::query("CREATE TABLE certificates (serial INTEGER PRIMARY KEY, revoked TEXT)").execute(pool).await?;
    Ok(())
}

/// Revokes a certificate. The event is published if, and only if, the transaction commits.
///
/// # Errors
///
/// When the database refuses.
#[domain_event(CertificateRevoked { serial, reason: reason.to_owned() })]
pub async fn revoke(tx: &mut Transaction<'_, Sqlite>, serial: i64, reason: &str) -> Result<(), AuthorityError> {
    let update = "INSERT INTO certificates VALUES ($1, $2) ON CONFLICT DO UPDATE SET revoked = excluded.revoked";
    sqlx::query(update).bind(serial).bind(reason).execute(&mut **tx).await?;
    Ok(())
}

/// The reason why a certificate was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// The event was not written.
    #[error("the event was not written")]
    Event(#[from] EventError),
}
