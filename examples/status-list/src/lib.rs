//! Two services. The certificate authority publishes that a certificate is revoked; the status list handles it.

pub mod authority;
pub mod events;
mod list;

pub use list::{ListError, StatusList};
