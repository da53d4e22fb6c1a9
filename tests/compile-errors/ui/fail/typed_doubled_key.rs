use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", aggregate_type = "account", event_type = "created")]
struct Created {
    #[event(id)]
    id: u64,
}

fn main() {}
