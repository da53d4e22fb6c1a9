use marty_events::*;

#[derive(Debug)]
pub struct Id(u64);
#[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "result")]
async fn create() -> Id { Id(1) }

fn main() {}
