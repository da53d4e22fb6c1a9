use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
struct Created(#[event(id)] u64);

fn main() {}
