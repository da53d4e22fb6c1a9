use marty_events::*;
use sqlx::PgConnection;

// Stand-ins for diesel-async and sea-orm.
pub struct AsyncPgConnection;
pub trait ConnectionTrait {}
pub struct Pool<C>(C);

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn of_diesel(id: u64, connection: &mut AsyncPgConnection) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn in_an_option(id: u64, connection: Option<&mut PgConnection>) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn behind_dyn(id: u64, db: &dyn ConnectionTrait) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn a_pool_is_no_transaction(id: u64, pool: &Pool<AsyncPgConnection>) -> Result<(), EventError> { Ok(()) }

fn main() {}
