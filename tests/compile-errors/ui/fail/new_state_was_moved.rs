use marty_events::*;

#[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "user_id", new_state = name)]
async fn create(user_id: u64, name: String) -> Result<(), EventError> {
    drop(name);
    Ok(())
}

fn main() {}
