//! A transaction that stays open while something else is measured.

use sqlx::{Postgres, Transaction};

use crate::{Failure, stage::Stage};

/// Its statement: none for nobody; with an id of its own it is a writer's, and with a snapshot a reader's.
pub(crate) const CASES: [(&str, Option<&str>); 3] = [("nobody", None), ("writer", WRITER), ("reader", READER)];

pub(crate) const WRITER: Option<&str> = Some("SELECT pg_current_xact_id()");
pub(crate) const READER: Option<&str> = Some("SELECT count(*) FROM event_outbox_lanes");

/// A transaction that `statement` opens, if any.
pub(crate) async fn open(
    stage: &Stage,
    statement: Option<&'static str>,
) -> Result<Option<Transaction<'static, Postgres>>, Failure> {
    let Some(statement) = statement else { return Ok(None) };
    let mut transaction = stage.database.pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *transaction).await?;
    sqlx::query(statement).execute(&mut *transaction).await?;
    Ok(Some(transaction))
}
