//! A reader of the events: the list of revoked certificates. The records come from any Kafka client.

use std::collections::BTreeMap;

use certificate_events::{CertificateRevoked, Reason};
use marty_events::{DecodeError, decode_envelope};

marty_events::handles!("status-list", CertificateRevoked);

/// The revoked certificates, and the reason of each.
#[derive(Debug, Default)]
pub struct StatusList {
    revoked: BTreeMap<String, Reason>,
}

impl StatusList {
    /// Takes the value of a record of `marty.certificates.certificate.certificate_revoked`, of any version.
    ///
    /// # Errors
    ///
    /// If the value is another event, or a version that the contract crate does not know yet.
    pub fn take(&mut self, value: &[u8]) -> Result<(), DecodeError> {
        let event: CertificateRevoked = decode_envelope(value)?;
        self.revoked.insert(event.serial, event.reason);
        Ok(())
    }

    /// The revoked certificates, by serial number.
    pub fn revoked(&self) -> impl Iterator<Item = (&str, Reason)> {
        self.revoked.iter().map(|(serial, reason)| (serial.as_str(), *reason))
    }
}
