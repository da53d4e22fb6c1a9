use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create<'e>(user_id: u64, e: impl sqlx::Executor<'e, Database = sqlx::Postgres>) -> Result<(), EventError> { Ok(()) }

fn main() {}
