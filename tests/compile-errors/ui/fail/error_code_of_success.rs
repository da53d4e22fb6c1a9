use marty_events::*;

#[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "user_id", error_code = 7)]
async fn create(user_id: u64) {}

fn main() {}
