use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id", data(result))]
async fn create(user_id: u64, result: u8) {}

fn main() {}
