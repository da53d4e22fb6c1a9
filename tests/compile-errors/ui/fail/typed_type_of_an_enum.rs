use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
enum Lifecycle {
    #[event(event_type = "created")]
    Created {
        #[event(id)]
        id: u64,
    },
}

fn main() {}
