use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id", data(plan = plan?))]
async fn create(user_id: u64, plan: Option<u8>) -> Option<u8> { plan }

fn main() {}
