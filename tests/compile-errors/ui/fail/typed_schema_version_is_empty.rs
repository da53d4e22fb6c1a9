use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created", schema_version = "")]
struct Created {
    #[event(id)]
    id: u64,
}

fn main() {}
