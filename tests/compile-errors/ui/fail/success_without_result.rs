use marty_events::{AuditEventType, audit_event};

#[audit_event(
    event_type = AuditEventType::DataAccessed,
    action = "find",
    resource_type = "user",
    resource_id_field = "id",
    success = "ok"
)]
async fn find(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
