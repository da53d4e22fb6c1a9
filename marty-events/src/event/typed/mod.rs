//! Typed events: a type of the service's own with the words of its event, by a derive.

mod decode;
#[cfg(test)]
#[cfg(feature = "_envelope")]
mod tests;

#[cfg(all(feature = "consumer", feature = "_database"))]
pub(crate) use decode::decode_payload;
pub use decode::{NoOlder, Older, decode, decode_envelope};

use serde::Serialize;

use super::{CustomEvent, DomainEvent, Event, Json, aggregate::Aggregate, domain};

/// An event with a type of its own, which `#[derive(DomainEvent)]` or `#[derive(CustomEvent)]` implements.
///
/// The type is accepted wherever a builder is: it becomes an [`Event`], or the builder for a priority or an order.
///
/// ```
/// use marty_events::{DomainEvent, EventPriority, TypedEvent};
///
/// #[derive(serde::Serialize, DomainEvent)]
/// #[event(service = "certificates", aggregate_type = "certificate", event_type = "certificate_revoked")]
/// struct CertificateRevoked {
///     #[event(id)]
///     serial: String,
///     reason: &'static str,
/// }
///
/// assert_eq!(CertificateRevoked::EVENT_TYPES, ["certificate_revoked"]);
/// let event = CertificateRevoked { serial: "0a:41".to_owned(), reason: "superseded" };
/// let urgent = DomainEvent::from(&event).priority(EventPriority::High);
/// # let _ = urgent;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a typed event",
    label = "does not derive an event",
    note = "add `#[derive(marty_events::DomainEvent)]` or `#[derive(marty_events::CustomEvent)]` to `{Self}`"
)]
pub trait TypedEvent: Sized {
    /// The builder that the event becomes: [`DomainEvent`] or [`CustomEvent`].
    type Builder: Into<Event>;
    /// The version before this one, by `from`, if there is one.
    type Older: Older<Self>;
    /// The kind, with the words that this kind has.
    const KIND: TypedEventKind;
    /// The service that publishes the event, if the type names it. Another one cannot publish it.
    const SERVICE: Option<&'static str>;
    /// The event's type; for an enum, one of each variant in their order.
    const EVENT_TYPES: &'static [&'static str];
    /// The version of the data. A custom event has no version on the wire, and 1 here.
    const EVENT_VERSION: u32;
    /// The version of the schema of a domain event's data, for consumers. It is not read here: [`EVENT_VERSION`](Self::EVENT_VERSION) decides.
    const SCHEMA_VERSION: &'static str = domain::SCHEMA_VERSION;

    /// The type of this value, one of [`EVENT_TYPES`](Self::EVENT_TYPES).
    fn event_type(&self) -> &'static str;

    /// The aggregate's id, or the key of a custom event.
    fn event_key(&self) -> Option<String>;

    /// The URL of the schema of a domain event's data, if the type names it. Without it, `EVENT_SCHEMA_BASE_URL` gives one.
    fn schema_url(&self) -> Option<&'static str> {
        None
    }

    /// The builder with the data of this event.
    fn to_builder(&self) -> Self::Builder;
}

/// The kind of a typed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TypedEventKind {
    /// A change of an aggregate.
    Domain {
        /// The aggregate's type.
        aggregate_type: &'static str,
    },
    /// An event on a topic of its own.
    Custom {
        /// The topic, which the configured prefix is put before.
        topic: &'static str,
    },
}

/// A type that can be the data of an event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as an event",
    label = "is not `Serialize`",
    note = "add `#[derive(serde::Serialize)]` to the event; a generic event needs the bound `T: serde::Serialize` too"
)]
pub trait EventBody {
    #[doc(hidden)]
    fn body(&self, field: &str) -> Json;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> EventBody for T {
    fn body(&self, field: &str) -> Json {
        Json::of(field, self)
    }
}

impl DomainEvent {
    /// A typed event. The derive names the kind, so the aggregate's type is there.
    pub(crate) fn typed<T: TypedEvent + EventBody>(event: &T) -> Self {
        let aggregate_type = match T::KIND {
            TypedEventKind::Domain { aggregate_type } => aggregate_type,
            TypedEventKind::Custom { .. } => "",
        };
        let aggregate = Aggregate::new(aggregate_type, event.event_key().unwrap_or_default());
        let mut domain = Self::of(aggregate, event.event_type().into()).event_version(T::EVENT_VERSION);
        domain.service = T::SERVICE;
        domain.payload.schema_version = T::SCHEMA_VERSION.into();
        domain.payload.schema_url = event.schema_url().map(str::to_owned);
        domain.payload.event_data = event.body("event_data");
        domain
    }
}

impl CustomEvent {
    /// A typed event. The derive names the kind, so the topic is there.
    pub(crate) fn typed<T: TypedEvent + EventBody>(event: &T) -> Self {
        let topic = match T::KIND {
            TypedEventKind::Custom { topic } => topic,
            TypedEventKind::Domain { .. } => "",
        };
        let mut custom = Self::of(topic.into(), event.event_type().into());
        custom.key = event.event_key();
        custom.service = T::SERVICE;
        custom.payload = event.body("payload");
        custom
    }
}
