use marty_events::*;

pub struct Request { pub user_id: u64 }
#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "request.id")]
async fn create(request: Request) {}

fn main() {}
