use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id", on_publish_error = "log")]
async fn create(user_id: u64, tx: &mut sqlx::PgConnection) -> Result<(), EventError> { Ok(()) }

fn main() {}
