use marty_events::*;

#[derive(serde::Serialize, CustomEvent)]
#[event(event_type = "posted")]
struct Posted {
    cents: u64,
}

fn main() {}
