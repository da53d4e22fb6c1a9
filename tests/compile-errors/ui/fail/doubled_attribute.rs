use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
#[must_use]
#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn create(id: u64) {}

fn main() {}
