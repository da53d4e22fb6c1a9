//! From deliveries to the argument of a handler.

#[cfg(feature = "catalogue")]
pub(crate) mod described;

use std::ops::Range;

use serde::de::DeserializeOwned;

use super::{
    EventSelection, HandlerFailure, Incoming, Opened, Received,
    envelope::{Envelope, Form, Place},
};
use crate::{DecodeError, TypedEvent, decode, decode_envelope, event::typed::decode_payload};

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
    pub read: fn(Vec<Incoming>) -> Result<A, HandlerFailure>,
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
    read: fn(Vec<Incoming>) -> Result<A, HandlerFailure>,
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
    fn of_payload(event_type: &str, payload: &[u8]) -> Result<Self, DecodeError>
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

    fn of_payload(event_type: &str, payload: &[u8]) -> Result<Self, DecodeError>
    where
        Self: TypedEvent,
    {
        decode_payload(event_type, payload)
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

fn read_typed<A>(records: Vec<Incoming>) -> Result<A, HandlerFailure>
where
    A: ReceivedArgument<Payload: TypedPayload + Payload>,
{
    all(records, |record| {
        let given = record.event_type.as_deref().unwrap_or_default();
        match &record.payload {
            Place::Enveloped(place, own) => match own.as_deref().unwrap_or(given) {
                "" => A::Payload::of_envelope(record.value()),
                own => A::Payload::of_payload(own, part(record, place)),
            },
            Place::CloudEvent(_) if !A::Payload::EVENT_TYPES.contains(&given) => {
                let expected = A::Payload::EVENT_TYPES.join(", ");
                Err(DecodeError::OtherEvent { event_type: given.to_owned(), expected })
            }
            Place::CloudEvent(place) => A::Payload::of_data(data(record, place.as_ref())),
            // The error says the fault of the envelope.
            Place::Plain | Place::Tombstone | Place::Broken => A::Payload::of_envelope(record.value()),
        }
    })
}

fn read_named<A>(records: Vec<Incoming>) -> Result<A, HandlerFailure>
where
    A: ReceivedArgument<Payload: Payload>,
{
    all(records, |record| {
        let json = match &record.payload {
            Place::Enveloped(place, _) => part(record, place),
            Place::CloudEvent(place) => data(record, place.as_ref()),
            Place::Plain | Place::Tombstone | Place::Broken => return Err(no_envelope(record.value())),
        };
        A::Payload::of_json(json).map_err(|source| DecodeError::Payload {
            event_type: record.event_type.clone().unwrap_or_default(),
            source,
        })
    })
}

fn read_plain<A>(records: Vec<Incoming>) -> Result<A, HandlerFailure>
where
    A: ReceivedArgument<Payload: Payload>,
{
    all(records, |record| {
        let json = record.delivery.value.as_deref().unwrap_or(b"null");
        A::Payload::of_json(json).map_err(|source| DecodeError::Value { source })
    })
}

fn all<A: ReceivedArgument>(
    records: Vec<Incoming>,
    read: impl Fn(&Opened) -> Result<A::Payload, DecodeError>,
) -> Result<A, HandlerFailure> {
    let one = |record: Incoming| {
        if let Place::Broken = record.payload
            && let Form::Broken(error) = Envelope::read(&record.delivery).form
        {
            return Err(error);
        }
        let event = read(&record)?;
        Ok(Received::new(event, record))
    };
    let events = records.into_iter().map(one).collect::<Result<Vec<_>, DecodeError>>()?;
    A::gather(events).ok_or(HandlerFailure::Unreadable(DecodeError::NoRecord))
}

fn part<'a>(record: &'a Opened, place: &Range<usize>) -> &'a [u8] {
    record.value().get(place.clone()).unwrap_or_default()
}

/// The data of a `CloudEvent`. One without data has `null`.
fn data<'a>(record: &'a Opened, place: Option<&Range<usize>>) -> &'a [u8] {
    place.map_or(b"null", |place| part(record, place))
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
