use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id", on_publish_error = "fail")]
async fn create(user_id: u64) -> u64 { user_id }

fn main() {}
