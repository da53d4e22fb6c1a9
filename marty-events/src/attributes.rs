//! Reference of what the event attributes have in common. There is nothing here but documentation.
//!
//! Each attribute's own page lists all its keys: [`audit_event`](crate::audit_event),
//! [`domain_event`](crate::domain_event), [`notification_event`](crate::notification_event),
//! [`custom_event`](crate::custom_event).
//!
//! - [`when`]: when an event is published, by which road, and what happens if that fails
//! - [`keys`]: keys that several attributes have, ids and texts
//! - [`refused`], [`refused_delivery`]: what does not compile, and what to write instead
//! - [`unseen`]: transactions that no argument's type shows

#[doc = include_str!("attributes/keys.md")]
pub mod keys {}

#[doc = include_str!("attributes/refused.md")]
pub mod refused {}

#[doc = include_str!("attributes/refused_delivery.md")]
pub mod refused_delivery {}

#[doc = include_str!("attributes/unseen.md")]
pub mod unseen {}

#[doc = include_str!("attributes/when.md")]
pub mod when {}
