//! Reading a typed event, of this version or of an older one.

use std::{borrow::Cow, cmp::Ordering};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{TypedEvent, TypedEventKind};
use crate::DecodeError;

/// Reads the data of an event (`event_data`, or the payload of a custom event) that was published in `event_version`.
///
/// An older version is read as its own type, and `From` makes the next version of it, up to `T`.
///
/// ```
/// use marty_events::{DomainEvent, decode};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, DomainEvent)]
/// #[event(aggregate_type = "certificate", event_type = "certificate_revoked")]
/// struct CertificateRevokedV1 {
///     #[event(id)]
///     serial: u64,
/// }
///
/// #[derive(Serialize, Deserialize, DomainEvent)]
/// #[event(aggregate_type = "certificate", event_type = "certificate_revoked", event_version = 2, from = CertificateRevokedV1)]
/// struct CertificateRevoked {
///     #[event(id)]
///     serial: u64,
///     reason: String,
/// }
///
/// impl From<CertificateRevokedV1> for CertificateRevoked {
///     fn from(old: CertificateRevokedV1) -> Self {
///         Self { serial: old.serial, reason: "unspecified".to_owned() }
///     }
/// }
///
/// let event: CertificateRevoked = decode(1, br#"{"serial":7}"#)?;
/// assert_eq!(event.reason, "unspecified");
/// # Ok::<(), marty_events::DecodeError>(())
/// ```
///
/// # Errors
///
/// [`DecodeError::NewerVersion`] and [`DecodeError::UnknownVersion`] for a version that `T` does not know, and
/// [`DecodeError::Data`] for data of another form.
pub fn decode<T: TypedEvent + DeserializeOwned>(event_version: u32, data: &[u8]) -> Result<T, DecodeError> {
    let unknown = || DecodeError::UnknownVersion { event_type: types::<T>(), event_version };
    match event_version.cmp(&T::EVENT_VERSION) {
        Ordering::Equal => serde_json::from_slice(data).map_err(|source| DecodeError::Data {
            event_type: types::<T>(),
            event_version,
            source,
        }),
        Ordering::Greater => {
            Err(DecodeError::NewerVersion { event_type: types::<T>(), event_version, newest: T::EVENT_VERSION })
        }
        Ordering::Less => T::Older::decode(event_version, data).unwrap_or_else(|| Err(unknown())),
    }
}

/// Reads an event from the value of a record in Kafka: the envelope around it tells type and version.
///
/// # Errors
///
/// [`DecodeError::Envelope`] for a value that is not an envelope of such an event, [`DecodeError::OtherEvent`] for an event
/// of another type, and the errors of [`decode`].
pub fn decode_envelope<T: TypedEvent + DeserializeOwned>(value: &[u8]) -> Result<T, DecodeError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        event_type: Cow<'a, str>,
        #[serde(borrow)]
        payload: &'a RawValue,
    }

    let envelope: Envelope<'_> = serde_json::from_slice(value).map_err(|source| DecodeError::Envelope { source })?;
    decode_payload(&envelope.event_type, envelope.payload.get().as_bytes())
}

/// Reads an event from the `payload` of an envelope, with the envelope's type.
pub(crate) fn decode_payload<T: TypedEvent + DeserializeOwned>(
    event_type: &str,
    payload: &[u8],
) -> Result<T, DecodeError> {
    #[derive(Deserialize)]
    struct Domain<'a> {
        #[serde(borrow)]
        aggregate_type: Cow<'a, str>,
        event_version: u32,
        #[serde(borrow)]
        event_data: &'a RawValue,
    }

    let other = || DecodeError::OtherEvent { event_type: event_type.to_owned(), expected: types::<T>() };
    if !T::EVENT_TYPES.contains(&event_type) {
        return Err(other());
    }
    match T::KIND {
        TypedEventKind::Custom { .. } => decode(T::EVENT_VERSION, payload),
        TypedEventKind::Domain { aggregate_type } => {
            let domain: Domain<'_> =
                serde_json::from_slice(payload).map_err(|source| DecodeError::Envelope { source })?;
            if domain.aggregate_type != aggregate_type {
                return Err(other());
            }
            decode(domain.event_version, domain.event_data.get().as_bytes())
        }
    }
}

/// The version before `New`: its data is read, and becomes `New`.
///
/// Each typed event that can be read is the older version of a type that has `From` it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read as an older version of `{New}`",
    label = "is not an older version of `{New}`",
    note = "write `impl From<{Self}> for {New}`; and `{Self}` derives `serde::Deserialize` and its event too"
)]
pub trait Older<New> {
    /// `None` for a version that this one does not know either.
    #[doc(hidden)]
    fn decode(event_version: u32, data: &[u8]) -> Option<Result<New, DecodeError>>;

    /// This version and those before it.
    #[doc(hidden)]
    fn versions() -> Vec<u32>;
}

#[diagnostic::do_not_recommend]
impl<New: From<Old>, Old: TypedEvent + DeserializeOwned> Older<New> for Old {
    fn decode(event_version: u32, data: &[u8]) -> Option<Result<New, DecodeError>> {
        match event_version.cmp(&Old::EVENT_VERSION) {
            // Between this version and the next there is none.
            Ordering::Greater => None,
            Ordering::Equal => Some(decode::<Old>(event_version, data).map(New::from)),
            Ordering::Less => Old::Older::decode(event_version, data).map(|older| older.map(New::from)),
        }
    }

    fn versions() -> Vec<u32> {
        let mut versions = <Old::Older as Older<Old>>::versions();
        versions.push(Old::EVENT_VERSION);
        versions
    }
}

/// The event has no version before this one.
#[derive(Debug, Clone, Copy)]
pub enum NoOlder {}

impl<New> Older<New> for NoOlder {
    fn decode(_: u32, _: &[u8]) -> Option<Result<New, DecodeError>> {
        None
    }

    fn versions() -> Vec<u32> {
        Vec::new()
    }
}

/// The types of the event, for an error.
fn types<T: TypedEvent>() -> String {
    T::EVENT_TYPES.join(", ")
}
