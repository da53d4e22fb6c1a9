use marty_events::{AuditEventType, audit_event};

#[audit_event(
    event_type = AuditEventType::DataAccessed,
    action = "find",
    resource_type = "user",
    resource_id_field = "id",
    success = result.len()
)]
async fn find(id: u64) -> Vec<u64> {
    vec![id]
}

fn main() {}
