//! The certificate authority: it publishes the events of the contract crate.

use certificate_events::{CertificateRevoked, Reason};
use marty_events::{EventError, domain_event};
use sqlx::{Sqlite, SqlitePool, Transaction};

/// Why a certificate could not be revoked.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The event could not be written.
    #[error(transparent)]
    Event(#[from] EventError),
}

/// Revokes a certificate: the row and the event, or neither.
///
/// # Errors
///
/// If the transaction could not be committed.
pub async fn revoke(pool: &SqlitePool, serial: &str, reason: Reason) -> Result<(), CaError> {
    let mut tx = pool.begin().await?;
    mark(&mut tx, serial, reason).await?;
    tx.commit().await?;
    Ok(())
}

#[domain_event(CertificateRevoked { serial: serial.to_owned(), reason })]
async fn mark(tx: &mut Transaction<'_, Sqlite>, serial: &str, reason: Reason) -> Result<(), CaError> {
    let update = sqlx::query("UPDATE certificates SET revoked = true WHERE serial = ?").bind(serial);
    update.execute(&mut **tx).await?;
    Ok(())
}
