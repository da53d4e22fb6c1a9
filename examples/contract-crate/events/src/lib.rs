//! The events of the certificate authority. Its publisher and its readers share this crate.

use marty_events::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A certificate is not valid any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(
    service = "certificates",
    aggregate_type = "certificate",
    event_type = "certificate_revoked",
    event_version = 2,
    from = CertificateRevokedV1
)]
pub struct CertificateRevoked {
    /// The certificate's serial number.
    #[event(id)]
    pub serial: String,
    /// The reason, which version 1 did not have.
    pub reason: Reason,
}

/// The reason of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The key is known to others.
    KeyCompromise,
    /// Another certificate took its place.
    Superseded,
    /// Nobody said.
    Unspecified,
}

/// Version 1 of [`CertificateRevoked`], which is in its topic still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, DomainEvent)]
#[event(service = "certificates", aggregate_type = "certificate", event_type = "certificate_revoked")]
pub struct CertificateRevokedV1 {
    /// The certificate's serial number.
    #[event(id)]
    pub serial: String,
}

impl From<CertificateRevokedV1> for CertificateRevoked {
    fn from(old: CertificateRevokedV1) -> Self {
        Self { serial: old.serial, reason: Reason::Unspecified }
    }
}
