//! The attributes, derives and macros. `attributes` documents the keys and rules that the attributes share.

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

/// Names typed events that a consumer group reads by hand, for the [catalogue](crate::catalogue).
///
/// [`assert_handles`](crate::catalogue::assert_handles) holds them against the file of a producer, with each version that
/// [`decode_envelope`](crate::decode_envelope) reads. A type without `Deserialize` does not compile, nor does a domain event without `service`.
/// Without the feature `catalogue` the binary has nothing of it.
///
/// ```
/// use marty_events::{DecodeError, DomainEvent, decode_envelope};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, DomainEvent)]
/// #[event(service = "certificates", aggregate_type = "certificate", event_type = "certificate_revoked")]
/// struct CertificateRevoked {
///     #[event(id)]
///     serial: u64,
/// }
///
/// marty_events::handles!("status-list", CertificateRevoked);
///
/// fn serial(value: &[u8]) -> Result<u64, DecodeError> {
///     Ok(decode_envelope::<CertificateRevoked>(value)?.serial)
/// }
/// # let _ = serial;
/// ```
#[macro_export]
macro_rules! handles {
    ($group:expr, $($event:ty),+ $(,)?) => {
        $($crate::__private::handles!($group, $event);)+
    };
}

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
