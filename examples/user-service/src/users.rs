//! The service's work, and its events.

use marty_events::{
    AuditEventType, DomainEvent, EventError, NotificationEventType, audit_event, domain_event, notification_event,
};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    #[error("no such user")]
    NotFound,
    #[error("`{0}` is no e-mail address")]
    Invalid(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Event(#[from] EventError),
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewUser {
    pub(crate) name: String,
    pub(crate) email: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
}

/// A user has an account.
#[derive(Debug, Serialize, DomainEvent)]
#[event(service = "user-service", aggregate_type = "user", event_type = "user_created")]
struct UserCreated<'a> {
    #[event(id)]
    user_id: Uuid,
    name: &'a str,
    email: &'a str,
}

#[derive(Debug, Clone)]
pub(crate) struct Users {
    pub(crate) pool: PgPool,
}

impl Users {
    pub(crate) async fn sign_up(&self, new_user: NewUser) -> Result<User, UserError> {
        let mut tx = self.pool.begin().await?;
        let user = self.create(&mut tx, new_user).await?;
        // Refused late on purpose: the user and its events are written by now, and the rollback takes them all back.
        if !user.email.contains('@') {
            return Err(UserError::Invalid(user.email));
        }
        self.welcome(&mut tx, user.id, &user.name).await?;
        tx.commit().await?;
        Ok(user)
    }

    #[audit_event(
        event_type = AuditEventType::DataCreated,
        action = "create_user",
        resource_type = "user",
        resource_id_field = "result.id"
    )]
    #[domain_event(UserCreated { user_id: result.id, name: &result.name, email: &result.email })]
    async fn create(&self, tx: &mut Transaction<'_, Postgres>, new_user: NewUser) -> Result<User, UserError> {
        let user = User { id: Uuid::now_v7(), name: new_user.name, email: new_user.email };
        sqlx::query("INSERT INTO users (id, name, email) VALUES ($1, $2, $3)")
            .bind(user.id)
            .bind(&user.name)
            .bind(&user.email)
            .execute(&mut **tx)
            .await?;
        Ok(user)
    }

    #[notification_event(
        event_type = NotificationEventType::UserWelcome,
        recipient_type = "user",
        recipient_id_field = "user_id",
        subject = "Welcome, {name}!",
        message = "Account created"
    )]
    async fn welcome(&self, tx: &mut Transaction<'_, Postgres>, user_id: Uuid, name: &str) -> Result<(), UserError> {
        sqlx::query("UPDATE users SET welcomed = true WHERE id = $1").bind(user_id).execute(&mut **tx).await?;
        Ok(())
    }

    /// Nothing is written here, so there is no transaction and the record of the access goes to Kafka directly.
    #[audit_event(
        event_type = AuditEventType::DataAccessed,
        action = "read_user",
        resource_type = "user",
        resource_id_field = "id"
    )]
    pub(crate) async fn read(&self, id: Uuid) -> Result<User, UserError> {
        let row = sqlx::query_as("SELECT name, email FROM users WHERE id = $1").bind(id).fetch_optional(&self.pool);
        let (name, email) = row.await?.ok_or(UserError::NotFound)?;
        Ok(User { id, name, email })
    }
}

pub(crate) async fn create_table(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS users (
            id uuid PRIMARY KEY, name text NOT NULL, email text NOT NULL, welcomed boolean NOT NULL DEFAULT false
        )",
    )
    .execute(pool)
    .await
    .map(drop)
}
