use marty_events::*;

#[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "user_id", on = "failure", delivery = "outbox")]
async fn create(user_id: u64, tx: &mut sqlx::PgConnection) -> Result<(), EventError> { Ok(()) }

fn main() {}
