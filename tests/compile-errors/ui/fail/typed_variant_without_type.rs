use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user")]
enum Lifecycle {
    Created {
        #[event(id)]
        id: u64,
    },
}

fn main() {}
