use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create<'a>(user_id: u64, tx: &'a mut sqlx::PgConnection) -> Result<&'a mut sqlx::PgConnection, EventError> { Ok(tx) }

fn main() {}
