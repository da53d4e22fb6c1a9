//! The method as it is now: it names the event, and its transaction decides if there is one.

use marty_events::{AuditEventType, EventError, audit_event, domain_event};
use sqlx::{Sqlite, SqlitePool, Transaction};

#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Event(#[from] EventError),
}

pub(crate) struct Certificates {
    pub(crate) pool: SqlitePool,
}

impl Certificates {
    pub(crate) async fn issue(&self, serial: &str, subject: &str) -> Result<(), CertificateError> {
        let mut tx = self.pool.begin().await?;
        self.insert(&mut tx, serial, subject).await?;
        tx.commit().await?;
        Ok(())
    }

    #[domain_event(
        aggregate_type = "certificate",
        event_type = "certificate_issued",
        aggregate_id_field = "serial",
        data(subject)
    )]
    #[audit_event(
        event_type = AuditEventType::CertificateIssued,
        action = "issue",
        resource_type = "certificate",
        resource_id_field = "serial",
        compliance_tags("etsi-319-411"),
        risk_level = "high"
    )]
    async fn insert(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        serial: &str,
        subject: &str,
    ) -> Result<(), CertificateError> {
        sqlx::query("INSERT INTO certificates (serial, subject) VALUES (?, ?)")
            .bind(serial)
            .bind(subject)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}
