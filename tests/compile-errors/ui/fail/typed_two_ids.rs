use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
struct Created {
    #[event(id)]
    id: u64,
    #[event(id)]
    name: String,
}

fn main() {}
