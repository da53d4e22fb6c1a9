use marty_events::*;

#[notification_event(event_type = NotificationEventType::UserWelcome, recipient_type = "user", recipient_id_field = "user_id",
    subject = "s", message = "m", on = "failure")]
async fn create(user_id: u64) {}

fn main() {}
