use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id", transaction = name)]
async fn create(user_id: u64, name: &mut String) -> Result<(), EventError> {
    let _ = (user_id, name);
    Ok(())
}

fn main() {}
