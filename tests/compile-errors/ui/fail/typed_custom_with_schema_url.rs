use marty_events::*;

#[derive(serde::Serialize, CustomEvent)]
#[event(topic = "ledger", event_type = "posted", schema_url = "https://schemas.example.com/posted.json")]
struct Posted {
    cents: u64,
}

fn main() {}
