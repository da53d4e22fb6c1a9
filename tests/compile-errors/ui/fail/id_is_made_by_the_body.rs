use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id", data(user_id))]
async fn create(name: String) -> u64 {
    let user_id = 7;
    let _ = name;
    user_id
}

fn main() {}
