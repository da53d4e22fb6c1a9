use marty_events::*;

#[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "user_id", on = "both", data(both = (result, error)))]
async fn create(user_id: u64) -> Result<(), EventError> { Ok(()) }

fn main() {}
