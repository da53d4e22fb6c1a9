use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id", data = vec![text.parse::<u32>()?])]
async fn create(id: u64, text: &str) -> Result<(), std::num::ParseIntError> { Ok(()) }

fn main() {}
