use marty_events::*;

#[audit_event(event_type = AuditEventType::DataCreated, resource_id_field = "user_id")]
async fn create(user_id: u64) {}

fn main() {}
