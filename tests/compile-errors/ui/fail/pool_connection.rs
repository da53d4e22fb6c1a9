use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create(user_id: u64, c: &mut sqlx::pool::PoolConnection<sqlx::Postgres>) -> Result<(), EventError> { Ok(()) }

fn main() {}
