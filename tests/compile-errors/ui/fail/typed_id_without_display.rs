use marty_events::*;

#[derive(serde::Serialize)]
struct Id(u64);

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
struct Created {
    #[event(id)]
    id: Id,
}

fn main() {}
