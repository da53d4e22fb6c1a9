use marty_events::*;

// Stands for a connection of any database whose feature is off.
#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create<C: sqlx::Connection>(user_id: u64, tx: &mut C) -> Result<(), EventError> { Ok(()) }

fn main() {}
