use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user")]
enum Lifecycle {
    #[event(event_type = "created")]
    Created {
        #[event(id)]
        id: u64,
    },
    #[event(event_type = "created")]
    Made {
        #[event(id)]
        id: u64,
    },
}

fn main() {}
