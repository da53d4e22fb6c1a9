use marty_events::*;
use sqlx::{PgExecutor, Postgres, Transaction};
use std::sync::{Arc, Mutex};

mod another_library {
    pub struct DatabaseTransaction;
}

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn alias_of_executor(id: u64, db: impl PgExecutor<'_>) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn generic<'e, E: PgExecutor<'e>>(id: u64, db: E) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn bound_of_a_reference<C: std::fmt::Debug>(id: u64, db: &mut C) -> Result<(), EventError>
where
    for<'c> &'c mut C: PgExecutor<'c>,
{
    Ok(())
}

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn markers_alone<C: Send + Unpin>(id: u64, db: &mut C) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn another_librarys(id: u64, tx: &another_library::DatabaseTransaction) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn in_an_option(id: u64, tx: Option<&mut Transaction<'_, Postgres>>) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id", delivery = "outbox")]
async fn in_a_mutex(id: u64, tx: Arc<Mutex<Transaction<'static, Postgres>>>) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn in_a_tuple((tx, id): (&mut Transaction<'_, Postgres>, u64)) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn without_a_name(id: u64, _: &mut Transaction<'_, Postgres>) -> Result<(), EventError> { Ok(()) }

fn main() {}
