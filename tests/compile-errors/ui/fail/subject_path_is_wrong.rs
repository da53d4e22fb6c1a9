use marty_events::*;

pub struct Request { pub subject: String }

#[notification_event(event_type = NotificationEventType::UserWelcome, recipient_type = "user", recipient_id_field = "user_id",
    subject = "{request.sbject}", message = "{reqest.subject}")]
async fn create(user_id: u64, request: Request) { let _ = (user_id, request); }

#[notification_event(event_type = NotificationEventType::UserWelcome, recipient_type = "user", recipient_id_field = "user_id",
    subject = "{request.sbject}", message = "m")]
async fn rename(user_id: u64, request: Request) { let _ = (user_id, request); }

fn main() {}
