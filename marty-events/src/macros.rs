//! The attributes. `attributes` documents the keys and rules that they share.

/// Doctests take the pages only with the features that their examples need.
macro_rules! attribute {
    ($name:ident, $file:literal) => {
        #[cfg_attr(any(not(doctest), all(feature = "testing", feature = "sqlite")), doc = include_str!($file))]
        pub use marty_events_macros::$name;
    };
}

attribute!(audit_event, "attributes/audit_event.md");
attribute!(custom_event, "attributes/custom_event.md");
attribute!(domain_event, "attributes/domain_event.md");
attribute!(notification_event, "attributes/notification_event.md");
