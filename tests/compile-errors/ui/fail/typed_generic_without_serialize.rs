use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
struct Created<T> {
    #[event(id)]
    id: u64,
    data: T,
}

fn main() {}
