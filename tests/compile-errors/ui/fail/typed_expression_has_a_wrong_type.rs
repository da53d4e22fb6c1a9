use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
struct Created {
    #[event(id)]
    id: u64,
    name: String,
}

#[domain_event(Created { id: name, name: String::new() })]
async fn create(name: String) {}

fn main() {}
