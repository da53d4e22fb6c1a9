//! From deliveries to the argument of a handler.

#[cfg(feature = "catalogue")]
pub(crate) mod described;

use serde::de::DeserializeOwned;

use super::{
    EventSelection, HandlerFailure, Received,
    envelope::{Envelope, Form, Opened},
};
use crate::{DecodeError, TypedEvent, decode, decode_envelope, inbox::Delivery};

/// The way from deliveries to a handler's argument, with the events that the handler is for. Its type is known at one place in generated code,
/// so that a mistake in it is one error.
#[derive(Debug)]
pub struct Reader<A> {
    /// The events that the handler is for.
    pub events: EventSelection,
    /// The argument is a list.
    pub is_batch: bool,
    /// False for `envelope = none`.
    pub has_envelope: bool,
    /// Reads the argument.
    pub read: fn(Vec<Delivery>) -> Result<A, HandlerFailure>,
    /// Describes the events of a typed reader.
    #[cfg(feature = "catalogue")]
    pub(super) describe: Option<described::Describe>,
}

/// For a handler that names neither topic nor type. Its payload is a typed event, of any version that the type reads.
#[must_use]
pub const fn typed<A>() -> Reader<A>
where
    A: ReceivedArgument<Payload: TypedPayload + Payload>,
{
    let events = EventSelection::typed::<A::Payload>();
    Reader {
        events,
        is_batch: A::IS_BATCH,
        has_envelope: true,
        read: read_typed,
        #[cfg(feature = "catalogue")]
        describe: Some(described::typed::<A::Payload>),
    }
}

/// For a handler that names its topic. Its payload is the envelope's `payload`, or the data of a `CloudEvent`.
#[must_use]
pub const fn named<A>(topic: &'static str, event_types: &'static [&'static str]) -> Reader<A>
where
    A: ReceivedArgument<Payload: Payload>,
{
    let events = EventSelection::Named { topic, event_types };
    untyped(events, true, read_named)
}

/// For a handler with `envelope = none`. Its payload is the whole value; a record without a value is `null`.
#[must_use]
pub const fn plain<A>(topic: &'static str) -> Reader<A>
where
    A: ReceivedArgument<Payload: Payload>,
{
    let events = EventSelection::Named { topic, event_types: &[] };
    untyped(events, false, read_plain)
}

const fn untyped<A: ReceivedArgument>(
    events: EventSelection,
    has_envelope: bool,
    read: fn(Vec<Delivery>) -> Result<A, HandlerFailure>,
) -> Reader<A> {
    Reader {
        events,
        is_batch: A::IS_BATCH,
        has_envelope,
        read,
        #[cfg(feature = "catalogue")]
        describe: None,
    }
}

/// A type that a handler's event is given in: `Received<T>`, or `Vec<Received<T>>` for a batch.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the event of a handler",
    label = "expected `Received<T>`, or `Vec<Received<T>>` for a batch"
)]
pub trait ReceivedArgument: Sized {
    /// The payload's type.
    type Payload;
    /// True for a list.
    const IS_BATCH: bool;

    #[doc(hidden)]
    fn gather(events: Vec<Received<Self::Payload>>) -> Option<Self>;
}

impl<T> ReceivedArgument for Received<T> {
    type Payload = T;
    const IS_BATCH: bool = false;

    fn gather(events: Vec<Self>) -> Option<Self> {
        events.into_iter().next()
    }
}

impl<T> ReceivedArgument for Vec<Received<T>> {
    type Payload = T;
    const IS_BATCH: bool = true;

    fn gather(events: Self) -> Option<Self> {
        Some(events)
    }
}

/// The payloads that a handler can read: any type with `serde::Deserialize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from an event",
    label = "is not `Deserialize`",
    note = "add `#[derive(serde::Deserialize)]` to `{Self}`"
)]
pub trait Payload: Sized {
    #[doc(hidden)]
    fn of_json(json: &[u8]) -> Result<Self, serde_json::Error>;

    #[doc(hidden)]
    fn of_envelope(value: &[u8]) -> Result<Self, DecodeError>
    where
        Self: TypedEvent;

    #[doc(hidden)]
    fn of_data(data: &[u8]) -> Result<Self, DecodeError>
    where
        Self: TypedEvent;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Payload for T {
    fn of_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    fn of_envelope(value: &[u8]) -> Result<Self, DecodeError>
    where
        Self: TypedEvent,
    {
        decode_envelope(value)
    }

    fn of_data(data: &[u8]) -> Result<Self, DecodeError>
    where
        Self: TypedEvent,
    {
        decode(Self::EVENT_VERSION, data)
    }
}

/// The payloads whose type alone says which events a handler is for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a typed event, so nothing says which events the handler is for",
    label = "does not derive an event",
    note = "write `#[event_handler(topic = \"..\", event_type = \"..\")]`, or add `#[derive(marty_events::DomainEvent)]` to `{Self}`"
)]
pub trait TypedPayload: TypedEvent {}

#[diagnostic::do_not_recommend]
impl<T: TypedEvent> TypedPayload for T {}

fn read_typed<A>(deliveries: Vec<Delivery>) -> Result<A, HandlerFailure>
where
    A: ReceivedArgument<Payload: TypedPayload + Payload>,
{
    all(deliveries, |envelope, delivery| match &envelope.form {
        Form::CloudEvent(data) => {
            let given = envelope.event_type.as_deref().unwrap_or_default();
            if !A::Payload::EVENT_TYPES.contains(&given) {
                let expected = A::Payload::EVENT_TYPES.join(", ");
                return Err(DecodeError::OtherEvent { event_type: given.to_owned(), expected });
            }
            A::Payload::of_data(data)
        }
        // The envelope is read once more, and the error says its fault.
        _ => A::Payload::of_envelope(value(delivery)),
    })
}

fn read_named<A>(deliveries: Vec<Delivery>) -> Result<A, HandlerFailure>
where
    A: ReceivedArgument<Payload: Payload>,
{
    all(deliveries, |envelope, delivery| {
        let json = match &envelope.form {
            Form::Enveloped(payload) => payload.as_bytes(),
            Form::CloudEvent(data) => data,
            Form::Plain | Form::Tombstone | Form::Broken(_) => return Err(no_envelope(value(delivery))),
        };
        A::Payload::of_json(json).map_err(|source| DecodeError::Payload {
            event_type: envelope.event_type.as_deref().unwrap_or_default().to_owned(),
            source,
        })
    })
}

fn read_plain<A>(deliveries: Vec<Delivery>) -> Result<A, HandlerFailure>
where
    A: ReceivedArgument<Payload: Payload>,
{
    all(deliveries, |_, delivery| {
        let json = delivery.value.as_deref().unwrap_or(b"null");
        A::Payload::of_json(json).map_err(|source| DecodeError::Value { source })
    })
}

fn all<A: ReceivedArgument>(
    deliveries: Vec<Delivery>,
    read: impl Fn(&Envelope<'_>, &Delivery) -> Result<A::Payload, DecodeError>,
) -> Result<A, HandlerFailure> {
    let one = |delivery: Delivery| {
        let envelope = Envelope::read(&delivery);
        if let Form::Broken(error) = envelope.form {
            return Err(error);
        }
        let event = read(&envelope, &delivery)?;
        let opened = Opened::new(&delivery, &envelope);
        drop(envelope);
        Ok(Received::new(event, opened, delivery))
    };
    let events = deliveries.into_iter().map(one).collect::<Result<Vec<_>, DecodeError>>()?;
    A::gather(events).ok_or(HandlerFailure::Unreadable(DecodeError::NoRecord))
}

fn value(delivery: &Delivery) -> &[u8] {
    delivery.value.as_deref().unwrap_or_default()
}

/// The fault of a value that is not an envelope, in the words of the reader of JSON.
fn no_envelope(value: &[u8]) -> DecodeError {
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "the fault is in what is missing")]
    struct Envelope {
        metadata: serde::de::IgnoredAny,
        event_type: serde::de::IgnoredAny,
        payload: serde::de::IgnoredAny,
    }
    match serde_json::from_slice::<Envelope>(value) {
        Err(source) => DecodeError::Envelope { source },
        Ok(_) => DecodeError::CloudEvent { problem: "its metadata cannot be read" },
    }
}
