use marty_events::{AuditEventType, EventError, audit_event};

#[audit_event(
    event_type = AuditEventType::DataAccessed,
    action = "find",
    resource_type = "user",
    resource_id_field = "id",
    success = result.is_some() && error.is_none()
)]
async fn find(id: u64) -> Result<Option<u64>, EventError> {
    Ok(Some(id))
}

fn main() {}
