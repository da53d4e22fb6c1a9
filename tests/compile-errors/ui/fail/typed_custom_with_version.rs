use marty_events::*;

#[derive(serde::Serialize, CustomEvent)]
#[event(topic = "ledger", event_type = "posted", event_version = 2)]
struct Posted {
    cents: u64,
}

fn main() {}
