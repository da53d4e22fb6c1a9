use marty_events::*;

pub struct AppError;
#[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "user_id", on = "failure")]
async fn create(user_id: u64) -> Result<(), AppError> { Ok(()) }

fn main() {}
