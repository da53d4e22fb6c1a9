//! The replication slot of the peers that read the write-ahead log.

use sqlx::PgPool;

use crate::Failure;

pub(crate) const NAME: &str = "load";

/// Made before the backlog, as it is there before a connector that was away comes back.
pub(crate) async fn open(pool: &PgPool) -> Result<(), Failure> {
    sqlx::query("CREATE PUBLICATION load FOR TABLE event_outbox").execute(pool).await?;
    sqlx::query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')").bind(NAME).execute(pool).await?;
    Ok(())
}

/// Waits until its reader is gone.
pub(crate) async fn close(pool: &PgPool) {
    let drop_slot = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active";
    marty_events_tests::wait::until("the slot to be free", || async {
        let dropped = sqlx::query(drop_slot).fetch_all(pool).await.ok()?;
        (!dropped.is_empty()).then_some(())
    })
    .await;
}
