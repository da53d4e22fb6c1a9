//! Users, and the events of their changes.

use marty_events::{AuditEventType, DomainEvent, EventError, audit_event, domain_event};
use serde::Serialize;
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

/// A user has an account.
#[derive(Debug, Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "user_created")]
pub struct UserCreated<'a> {
    /// The user.
    #[event(id)]
    pub user_id: Uuid,
    /// The address at that time.
    pub email: &'a str,
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
#[domain_event(UserCreated { user_id: id, email })]
async fn create(tx: &mut Transaction<'_, Postgres>, id: Uuid, email: &str) -> Result<(), AppError> {
    let insert = sqlx::query("INSERT INTO users (id, email) VALUES ($1, $2)").bind(id).bind(email);
    insert.execute(&mut **tx).await?;
    Ok(())
}
