use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create<T: OutboxTransaction>(user_id: u64, tx: T) -> Result<(), EventError> { Ok(()) }

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn borrow<T: OutboxTransaction>(user_id: u64, tx: &mut T) -> Result<&T, EventError> { Ok(tx) }

fn main() {}
