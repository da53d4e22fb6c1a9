use marty_events::*;

pub struct Name;
#[notification_event(event_type = NotificationEventType::UserWelcome, recipient_type = "user", recipient_id_field = "user_id",
    subject = name, message = "m")]
async fn create(user_id: u64, name: Name) {}

fn main() {}
