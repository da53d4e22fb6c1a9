//! Reference of the keys and rules that the event attributes share. These modules hold documentation alone.
//!
//! Each attribute's own page lists all its keys: [`audit_event`](crate::audit_event),
//! [`domain_event`](crate::domain_event), [`notification_event`](crate::notification_event),
//! [`custom_event`](crate::custom_event).
//!
//! - [`when`]: the cases in which an event is published, its delivery, and the consequence of a failure
//! - [`keys`]: keys that several attributes have, ids and texts
//! - [`refused`], [`refused_delivery`]: mistakes that do not compile, each with its correction
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
