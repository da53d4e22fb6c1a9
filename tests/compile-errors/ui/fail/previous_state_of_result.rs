use marty_events::*;

#[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "user_id", previous_state = result)]
async fn create(user_id: u64) -> Result<u64, EventError> { Ok(user_id) }

fn main() {}
