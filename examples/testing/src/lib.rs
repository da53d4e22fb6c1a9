//! A service to be tested: subscriptions, with an event of each change and a record of each failed one. Its tests are in `tests`.

use marty_events::{AuditEventType, EventError, NotificationEventType, audit_event, domain_event, notification_event};
use sqlx::{Sqlite, SqlitePool, Transaction};

/// Why a subscription could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// It ended before.
    #[error("subscription {0} has ended")]
    Ended(u64),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The event could not be written.
    #[error(transparent)]
    Event(#[from] EventError),
}

/// Ends the subscription and tells its owner, in one transaction.
///
/// # Errors
///
/// [`SubscriptionError::Ended`] the second time.
pub async fn cancel(pool: &SqlitePool, id: u64, owner: &str) -> Result<(), SubscriptionError> {
    let mut tx = pool.begin().await?;
    end(&mut tx, id, "cancelled").await?;
    confirm(&mut tx, id, owner).await?;
    tx.commit().await?;
    Ok(())
}

#[domain_event(
    aggregate_type = "subscription",
    event_type = "subscription_ended",
    aggregate_id_field = "id",
    data(reason)
)]
#[audit_event(
    event_type = AuditEventType::DataUpdated,
    action = "end_subscription",
    resource_type = "subscription",
    resource_id_field = "id",
    on = "failure"
)]
async fn end(tx: &mut Transaction<'_, Sqlite>, id: u64, reason: &str) -> Result<(), SubscriptionError> {
    let update = sqlx::query("UPDATE subscriptions SET ended = true WHERE id = ? AND NOT ended").bind(id.cast_signed());
    match update.execute(&mut **tx).await?.rows_affected() {
        0 => Err(SubscriptionError::Ended(id)),
        _ => Ok(()),
    }
}

#[notification_event(
    event_type = NotificationEventType::Custom("subscription.ended".into()),
    recipient_type = "user",
    recipient_id_field = "owner",
    subject = "Subscription {id} has ended",
    message = "We are sorry to see you go."
)]
async fn confirm(tx: &mut Transaction<'_, Sqlite>, id: u64, owner: &str) -> Result<(), SubscriptionError> {
    sqlx::query("UPDATE subscriptions SET told = true WHERE id = ?").bind(id.cast_signed()).execute(&mut **tx).await?;
    Ok(())
}
