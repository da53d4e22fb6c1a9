use marty_events::*;

// Stands for any database whose feature is off: nothing says that its connection is an outbox's.
#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create<DB: sqlx::Database>(user_id: u64, tx: &mut sqlx::Transaction<'_, DB>) -> Result<(), EventError> { Ok(()) }

fn main() {}
