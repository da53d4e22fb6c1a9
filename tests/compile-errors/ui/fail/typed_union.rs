use marty_events::*;

#[derive(DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
union Created {
    id: u64,
}

fn main() {}
