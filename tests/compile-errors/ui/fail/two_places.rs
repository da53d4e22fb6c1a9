use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id", transaction = a)]
#[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "user_id", transaction = b)]
async fn create(user_id: u64, a: &mut sqlx::PgConnection, b: &mut sqlx::PgConnection) -> Result<(), EventError> { Ok(()) }

fn main() {}
