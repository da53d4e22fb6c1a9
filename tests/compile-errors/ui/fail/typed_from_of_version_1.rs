use marty_events::*;

#[derive(serde::Serialize, serde::Deserialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created")]
struct CreatedV1 {
    #[event(id)]
    id: u64,
}

#[derive(serde::Serialize, DomainEvent)]
#[event(aggregate_type = "user", event_type = "created", event_version = 1, from = CreatedV1)]
struct Created {
    #[event(id)]
    id: u64,
}

impl From<CreatedV1> for Created {
    fn from(old: CreatedV1) -> Self {
        Self { id: old.id }
    }
}

fn main() {}
