//! The attributes and derives. `attributes` documents the keys and rules that the attributes share.

/// Doctests take the pages only with the features that their examples need.
macro_rules! attribute {
    ($name:ident, $file:literal) => {
        #[cfg(feature = "_envelope")]
        #[cfg_attr(any(not(doctest), all(feature = "testing", feature = "sqlite")), doc = include_str!($file))]
        pub use marty_events_macros::$name;
    };
}

attribute!(audit_event, "attributes/audit_event.md");
attribute!(custom_event, "attributes/custom_event.md");
attribute!(domain_event, "attributes/domain_event.md");
attribute!(notification_event, "attributes/notification_event.md");

#[cfg_attr(any(not(doctest), feature = "testing"), doc = include_str!("attributes/derive_custom_event.md"))]
pub use marty_events_macros::CustomEvent;
#[cfg_attr(any(not(doctest), feature = "testing"), doc = include_str!("attributes/derive_domain_event.md"))]
pub use marty_events_macros::DomainEvent;

/// The attributes of handlers.
macro_rules! handlers {
    ($name:ident, $file:literal) => {
        #[cfg(all(feature = "consumer", feature = "_database"))]
        #[cfg_attr(any(not(doctest), all(feature = "testing", feature = "sqlite")), doc = include_str!($file))]
        pub use marty_events_macros::$name;
    };
}

handlers!(event_handler, "attributes/event_handler.md");
handlers!(event_handlers, "attributes/event_handlers.md");
