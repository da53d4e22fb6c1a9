use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create<'e, A>(user_id: u64, a: A) -> Result<(), EventError>
where
    A: sqlx::Acquire<'e, Database = sqlx::Postgres>,
{ Ok(()) }

fn main() {}
