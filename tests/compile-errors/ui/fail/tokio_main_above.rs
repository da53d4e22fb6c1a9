use marty_events::*;

#[tokio::main]
#[audit_event(event_type = AuditEventType::DataCreated, action = "a", resource_type = "r", resource_id_field = none)]
async fn main() {}
