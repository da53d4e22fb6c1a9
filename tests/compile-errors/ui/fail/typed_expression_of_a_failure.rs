use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
struct Created {
    #[event(id)]
    id: u64,
    name: String,
}

#[domain_event(Created { id: *result, name: String::new() }, on = "both")]
async fn create() -> Result<u64, EventError> {
    Ok(1)
}

fn main() {}
