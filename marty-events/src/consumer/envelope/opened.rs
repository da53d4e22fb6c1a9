//! The facts of an event besides its payload: a consumer finds its handler by them, takes it once, and carries them on.

use std::{borrow::Cow, ops::Range, sync::Arc};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Envelope, Form};
use crate::{
    EventContext,
    event::trace::TraceContext,
    inbox::{Delivery, Identity},
};

/// The longest id and the longest key that the tables of the inbox have.
const LONGEST: usize = 255;

/// Reads the facts of an event. Never fails: a record that is not an event has the id of its place.
pub(in crate::consumer) fn open(delivery: Delivery) -> Opened {
    let envelope = Envelope::read(&delivery);
    let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let id = owned(&envelope.id);
    let place = || format!("{}:{}:{}", delivery.topic, delivery.partition, delivery.offset);
    Opened {
        identity: identity(&delivery, &envelope),
        id: id.unwrap_or_else(place),
        event_type: owned(&envelope.event_type),
        aggregate_type: owned(&envelope.aggregate_type),
        event_version: envelope.event_version,
        correlation_id: owned(&envelope.correlation_id),
        causation_id: owned(&envelope.causation_id),
        user_id: owned(&envelope.user_id),
        time: envelope.time.or(delivery.timestamp),
        trace: envelope.trace.clone(),
        payload: Place::of(&delivery, &envelope),
        delivery,
    }
}

impl Delivery {
    /// The id by which the inbox of a group remembers the record's event.
    #[must_use]
    pub fn inbox_id(&self) -> String {
        identity(self, &Envelope::read(self)).event_id
    }
}

/// A record with the facts of its event, as a handler is called with it. The consumer's worker has it too.
pub type Incoming = Arc<Opened>;

/// A record with the facts of its event.
#[derive(Debug)]
pub struct Opened {
    /// The record.
    pub delivery: Delivery,
    /// The id by which a group takes the event once, and the key whose order it keeps.
    pub(in crate::consumer) identity: Identity,
    /// The id as it stands on the record, for people and for the events that this one causes.
    pub(in crate::consumer) id: String,
    pub(in crate::consumer) event_type: Option<String>,
    pub(in crate::consumer) aggregate_type: Option<String>,
    pub(in crate::consumer) event_version: Option<u32>,
    pub(in crate::consumer) correlation_id: Option<String>,
    pub(in crate::consumer) causation_id: Option<String>,
    pub(in crate::consumer) user_id: Option<String>,
    /// When the event was recorded, else the record's own time.
    pub(in crate::consumer) time: Option<Timestamp>,
    /// The span that the event was recorded in.
    pub(in crate::consumer) trace: Option<TraceContext>,
    pub(in crate::consumer) payload: Place,
}

/// The place of an event's payload in its record's value, by which it is read without another look at the envelope.
#[derive(Debug, Clone)]
pub(in crate::consumer) enum Place {
    /// The `payload` of the library's envelope, and the envelope's own type where a header names another one.
    Enveloped(Range<usize>, Option<String>),
    /// The data of a `CloudEvent`; nothing for one in structured mode without data.
    CloudEvent(Option<Range<usize>>),
    Plain,
    /// The record has no value. A compacted topic has such a record for a key that was deleted.
    Tombstone,
    /// A `CloudEvent` that is not one. Another look at it says its fault.
    Broken,
}

impl Place {
    fn of(delivery: &Delivery, envelope: &Envelope<'_>) -> Self {
        let value = delivery.value.as_deref().unwrap_or_default();
        match &envelope.form {
            Form::Enveloped { payload, event_type } => match range(value, payload.as_bytes()) {
                Some(place) => {
                    let is_other = *event_type != envelope.event_type;
                    Self::Enveloped(place, is_other.then(|| event_type.as_deref().unwrap_or_default().to_owned()))
                }
                None => Self::Plain,
            },
            Form::CloudEvent(data) => Self::CloudEvent(range(value, data)),
            Form::Plain => Self::Plain,
            Form::Tombstone => Self::Tombstone,
            Form::Broken(_) => Self::Broken,
        }
    }
}

/// The place of a part; nothing for bytes that are not a part.
fn range(value: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(value.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= value.len()).then_some(start..end)
}

impl Opened {
    /// The record's value; empty for a record without one.
    pub(in crate::consumer) fn value(&self) -> &[u8] {
        self.delivery.value.as_deref().unwrap_or_default()
    }

    /// True if the record has no value.
    pub(in crate::consumer) fn is_tombstone(&self) -> bool {
        matches!(self.payload, Place::Tombstone)
    }

    /// The context of the events that a handler publishes. The event is their cause; correlation, user and trace are carried on.
    pub(in crate::consumer) fn context(&self) -> EventContext {
        let mut context = EventContext::new().causation_id(&self.id);
        if let Some(id) = &self.correlation_id {
            context = context.correlation_id(id);
        }
        if let Some(id) = &self.user_id {
            context = context.user_id(id);
        }
        match &self.trace {
            Some(trace) => context.caused_in(trace.clone()),
            None => context,
        }
    }
}

/// A UUID is an id for the whole world. Any other id is one of its source alone (CloudEvents 1.0, "id"): two publishers that both count
/// from 1 must not take each other's events away. A record without an id is known by its place and by its time: in a topic that was made
/// again, another record has the place.
fn identity(delivery: &Delivery, envelope: &Envelope<'_>) -> Identity {
    let event_id = match (&envelope.id, &envelope.source) {
        (Some(id), _) if uuid::Uuid::try_parse(id).is_ok() => id.clone().into_owned(),
        // `a#b` and `c` are another event than `a` and `b#c`.
        (Some(id), Some(source)) if source.contains('#') => digest(format!("{source}\0{id}").as_bytes()),
        (Some(id), Some(source)) => format!("{source}#{id}"),
        (Some(id), None) => format!("{}#{id}", delivery.topic),
        (None, _) => {
            let time = delivery.timestamp.map(|time| format!(":{}", time.as_millisecond())).unwrap_or_default();
            format!("{}:{}:{}{time}", delivery.topic, delivery.partition, delivery.offset)
        }
    };
    let event_id = if fits(event_id.as_bytes()) && !event_id.contains(char::is_control) {
        event_id
    } else {
        digest(event_id.as_bytes())
    };
    let key = match delivery.key.as_deref() {
        Some(key) if fits(key) => key.to_vec(),
        Some(key) if LONGEST < key.len() => digest(key).into_bytes(),
        // Records without a key are promised no order.
        _ => event_id.clone().into_bytes(),
    };
    Identity { event_id, key }
}

fn fits(bytes: &[u8]) -> bool {
    (1..=LONGEST).contains(&bytes.len())
}

/// A text in the place of one that is too long, or that a database does not store. No two are known that have the same.
fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;

    let digest = Sha256::digest(bytes);
    digest.iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing to a `String` does not fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}
