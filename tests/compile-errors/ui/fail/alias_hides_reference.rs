use marty_events::*;

type Tx<'a, 'c> = &'a mut sqlx::Transaction<'c, sqlx::Postgres>;
#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create(user_id: u64, tx: Tx<'_, '_>) -> Result<(), EventError> { Ok(()) }

fn main() {}
