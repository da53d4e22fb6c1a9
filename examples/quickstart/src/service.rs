//! A service as its author writes it: the attributes name the events, and the transaction decides if there are any.

use marty_events::{AuditEventType, DomainEvent, EventError, audit_event, domain_event};
use serde::Serialize;
use sqlx::{Sqlite, SqlitePool, Transaction};

#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error("refused: {0}")]
    Refused(&'static str),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    // A method with a transaction needs this: its event could not be written, so the caller rolls back.
    #[error(transparent)]
    Event(#[from] EventError),
}

/// A user has an account. rustc checks each place that publishes the event.
#[derive(Debug, Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "user_created")]
struct UserCreated<'a> {
    #[event(id)]
    user_id: &'a str,
    email: &'a str,
}

pub(crate) struct Service {
    pub(crate) pool: SqlitePool,
}

impl Service {
    /// One transaction around everything that signing up means.
    pub(crate) async fn sign_up(&self, user_id: &str, email: &str) -> Result<String, AppError> {
        let mut tx = self.pool.begin().await?;
        self.create_user(&mut tx, user_id, email).await?;
        // The user and both events are written now, and nobody sees them yet.
        if !email.contains('@') {
            tx.rollback().await?;
            return Err(AppError::Refused("an e-mail address has an @"));
        }
        tx.commit().await?;
        Ok(user_id.to_owned())
    }

    #[audit_event(
        event_type = AuditEventType::DataCreated,
        action = "create_user",
        resource_type = "user",
        resource_id_field = "user_id"
    )]
    #[domain_event(UserCreated { user_id, email })]
    async fn create_user(&self, tx: &mut Transaction<'_, Sqlite>, user_id: &str, email: &str) -> Result<(), AppError> {
        sqlx::query("INSERT INTO users (id, email) VALUES (?, ?)").bind(user_id).bind(email).execute(&mut **tx).await?;
        Ok(())
    }

    #[audit_event(
        event_type = AuditEventType::DataExported,
        action = "export_user",
        resource_type = "user",
        resource_id_field = "user_id"
    )]
    pub(crate) async fn export(&self, user_id: &str) -> Result<String, AppError> {
        let (email,) =
            sqlx::query_as("SELECT email FROM users WHERE id = ?").bind(user_id).fetch_one(&self.pool).await?;
        Ok(email)
    }
}
