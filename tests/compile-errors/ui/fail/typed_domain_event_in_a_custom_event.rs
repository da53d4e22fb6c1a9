use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
struct Created {
    #[event(id)]
    id: u64,
    name: String,
}

#[custom_event(Created { id, name })]
async fn create(id: u64, name: String) {}

fn main() {}
