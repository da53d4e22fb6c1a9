use marty_events::*;

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", schema_url = "https://schemas.example.com/user.json")]
enum User {
    #[event(event_type = "created")]
    Created {
        #[event(id)]
        id: u64,
    },
}

fn main() {}
