//! The attributes, documented.

pub use marty_events_macros::{audit_event, custom_event, domain_event, notification_event};
