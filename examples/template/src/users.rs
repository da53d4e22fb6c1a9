//! Users, and the events of their changes.

use marty_events::{AuditEventType, EventError, audit_event, domain_event};
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

/// A failure of the service.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The caller's mistake.
    #[error("`{0}` is not an e-mail address")]
    Invalid(String),
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// An event was not written, and the transaction is rolled back.
    #[error(transparent)]
    Event(#[from] EventError),
}

/// Makes a user: the row and both events, or nothing.
pub async fn sign_up(pool: &PgPool, email: &str) -> Result<Uuid, AppError> {
    let id = Uuid::now_v7();
    let mut tx = pool.begin().await?;
    create(&mut tx, id, email).await?;
    // Refused after the insert on purpose: the rollback takes the events back too.
    if !email.contains('@') {
        return Err(AppError::Invalid(email.to_owned()));
    }
    tx.commit().await?;
    Ok(id)
}

#[audit_event(
    event_type = AuditEventType::DataCreated,
    action = "create_user",
    resource_type = "user",
    resource_id_field = "id"
)]
#[domain_event(aggregate_type = "user", event_type = "user_created", aggregate_id_field = "id", data(email))]
async fn create(tx: &mut Transaction<'_, Postgres>, id: Uuid, email: &str) -> Result<(), AppError> {
    let insert = sqlx::query("INSERT INTO users (id, email) VALUES ($1, $2)").bind(id).bind(email);
    insert.execute(&mut **tx).await?;
    Ok(())
}
