//! Error types that services return.

use std::error::Error;

use marty_events::{EventError, domain_event};

use crate::support::{Tx, transaction};

#[domain_event(aggregate_type = "user", event_type = "made", aggregate_id_field = "id")]
async fn with_a_database_error(tx: &mut Tx<'_>, id: String) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT 1").execute(&mut **tx).await?;
    Ok(())
}

#[tokio::test]
async fn a_method_returns_the_database_error() {
    let mut tx = transaction().await;
    let error = with_a_database_error(&mut tx, String::new()).await.unwrap_err();
    let source = error.source().and_then(<dyn Error>::downcast_ref::<EventError>);
    assert!(matches!(source, Some(EventError::InvalidEvent { .. } | EventError::NotInitialized)), "{error:?}");
}

#[domain_event(aggregate_type = "user", event_type = "made", aggregate_id_field = "id")]
async fn with_a_boxed_error(tx: &mut Tx<'_>, id: String) -> Result<(), Box<dyn Error + Send + Sync>> {
    sqlx::query("SELECT 1").execute(&mut **tx).await?;
    Ok(())
}

#[tokio::test]
async fn a_method_returns_a_boxed_error() {
    let mut tx = transaction().await;
    let error = with_a_boxed_error(&mut tx, String::new()).await.unwrap_err();
    assert!(error.downcast_ref::<EventError>().is_some(), "{error:?}");
}
