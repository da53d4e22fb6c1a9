use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created")]
async fn create(user_id: u64) {}

fn main() {}
