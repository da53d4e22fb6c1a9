use marty_events::*;

#[domain_event(resource_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn create(id: u64) {}

#[domain_event]
async fn bare(id: u64) {}

fn main() {}
