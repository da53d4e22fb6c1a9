use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
struct Created {
    #[event(id)]
    id: u64,
}

fn main() {}
