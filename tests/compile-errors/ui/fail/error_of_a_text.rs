use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create(user_id: u64, tx: &mut sqlx::PgConnection) -> Result<(), String> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn rename(user_id: u64, tx: &mut sqlx::PgConnection) -> Result<(), (u16, String)> { Ok(()) }

fn main() {}
