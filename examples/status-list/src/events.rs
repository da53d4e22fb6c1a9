//! The events that both services share. A fleet has them in a crate of its own.

use marty_events::DomainEvent;
use serde::{Deserialize, Serialize};

/// A certificate is not to be trusted any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, DomainEvent)]
#[event(service = "authority", aggregate_type = "certificate", event_type = "certificate_revoked")]
pub struct CertificateRevoked {
    /// The certificate's number.
    #[event(id)]
    pub serial: i64,
    /// Why it was revoked.
    pub reason: String,
}
