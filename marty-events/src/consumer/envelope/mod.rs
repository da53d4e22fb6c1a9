//! Events are told apart before they are decoded: by `CloudEvents` headers, else by the value.
//!
//! Four forms are read. The first is the envelope of this library, which is the Python framework's too. The others are a `CloudEvent` in
//! binary mode (headers `ce_*`), one in structured mode (`application/cloudevents+json`), and plain JSON, which tells nothing of itself.

mod opened;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

pub use self::opened::{Incoming, Opened};
pub(super) use self::opened::{Place, open};
use self::text::Text;
use crate::{DecodeError, event::trace::TraceContext, inbox::Delivery};

/// A record's event, borrowed from the record.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    /// The publisher that gave the id.
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) event_type: Option<Cow<'a, str>>,
    pub(super) aggregate_type: Option<Cow<'a, str>>,
    pub(super) event_version: Option<u32>,
    pub(super) correlation_id: Option<Cow<'a, str>>,
    pub(super) causation_id: Option<Cow<'a, str>>,
    pub(super) user_id: Option<Cow<'a, str>>,
    pub(super) time: Option<Timestamp>,
    pub(super) trace: Option<TraceContext>,
    pub(super) form: Form<'a>,
}

/// The place of an event's payload in its record.
#[derive(Debug)]
pub(super) enum Form<'a> {
    /// The envelope around the value is the library's, with its `payload` and its own type.
    Enveloped { payload: &'a str, event_type: Option<Cow<'a, str>> },
    /// A `CloudEvent` in either mode, with its data.
    CloudEvent(&'a [u8]),
    /// No envelope was found. The value may be anything, or JSON without one.
    Plain,
    /// The record has no value.
    Tombstone,
    /// A `CloudEvent` in structured mode that is not one.
    Broken(DecodeError),
}

impl<'a> Envelope<'a> {
    /// Never fails: the call of a handler says the fault of a record that cannot be read.
    pub(super) fn read(delivery: &'a Delivery) -> Self {
        let header = |name: &str| header(delivery, name);
        let mut envelope = match (&delivery.value, header("content-type")) {
            (None, _) => Self::of(Form::Tombstone),
            (Some(value), Some(kind)) if is_structured(&kind) => Self::structured(value),
            (Some(value), _) => match serde_json::from_slice(value) {
                Ok(own) => Self::own(own),
                Err(_) if header("ce_type").is_some() && header("ce_id").is_some() => Self::of(Form::CloudEvent(value)),
                Err(_) => Self::of(Form::Plain),
            },
        };
        // Headers go first: every reader of CloudEvents knows the event by them.
        let prefer = |own: &mut Option<Cow<'a, str>>, name: &str| {
            if let Some(value) = header(name) {
                *own = Some(value);
            }
        };
        prefer(&mut envelope.id, "ce_id");
        prefer(&mut envelope.source, "ce_source");
        prefer(&mut envelope.event_type, "ce_type");
        prefer(&mut envelope.correlation_id, "ce_correlationid");
        prefer(&mut envelope.causation_id, "ce_causationid");
        if let Some(time) = header("ce_time").and_then(|time| time.parse().ok()) {
            envelope.time = Some(time);
        }
        let state = header("tracestate").map(Cow::into_owned);
        if let Some(trace) = header("traceparent").and_then(|parent| TraceContext::new(&parent, state)) {
            envelope.trace = Some(trace);
        }
        envelope
    }

    fn of(form: Form<'a>) -> Self {
        Self {
            id: None,
            source: None,
            event_type: None,
            aggregate_type: None,
            event_version: None,
            correlation_id: None,
            causation_id: None,
            user_id: None,
            time: None,
            trace: None,
            form,
        }
    }

    fn own(own: Own<'a>) -> Self {
        let metadata = own.metadata;
        // Only a domain event has both.
        let subject: Subject<'_> = serde_json::from_str(own.payload.get()).unwrap_or_default();
        let trace = metadata.trace_id.0.zip(metadata.span_id.0);
        Self {
            id: metadata.event_id.0,
            source: metadata.service_name.0,
            event_type: own.event_type.0.clone(),
            aggregate_type: subject.aggregate_type.0,
            event_version: subject.event_version.0.and_then(|version| version.parse().ok()),
            correlation_id: metadata.correlation_id.0,
            causation_id: metadata.causation_id.0,
            user_id: metadata.user_id.0,
            time: metadata.timestamp.0.and_then(|time| time.parse().ok()),
            trace: trace.and_then(|(id, span)| TraceContext::new(&format!("00-{id}-{span}-00"), None)),
            form: Form::Enveloped { payload: own.payload.get(), event_type: own.event_type.0 },
        }
    }

    fn structured(value: &'a [u8]) -> Self {
        let event: Structured<'a> = match serde_json::from_slice(value) {
            Ok(event) => event,
            Err(source) => return Self::of(Form::Broken(DecodeError::Envelope { source })),
        };
        let broken = |problem| Self::of(Form::Broken(DecodeError::CloudEvent { problem }));
        if event.id.is_empty() {
            return broken("it has no `id`");
        }
        if event.event_type.is_empty() {
            return broken("it has no `type`");
        }
        if event.data_base64.is_some() {
            return broken("its data is `data_base64`, and only JSON is read");
        }
        let state = event.tracestate.0.map(Cow::into_owned);
        Self {
            id: event.id.0,
            source: event.source.0,
            event_type: event.event_type.0,
            correlation_id: event.correlation_id.0,
            causation_id: event.causation_id.0,
            time: event.time.0.and_then(|time| time.parse().ok()),
            trace: event.traceparent.0.and_then(|parent| TraceContext::new(&parent, state)),
            ..Self::of(Form::CloudEvent(event.data.map_or(b"null", |data| data.get().as_bytes())))
        }
    }
}

/// The first header of this name whose value is UTF-8 and not empty. Names differ by client in their letters' case.
pub(super) fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<Cow<'a, str>> {
    let found = delivery.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
    let mut texts = found.filter_map(|(_, value)| std::str::from_utf8(value).ok());
    texts.find(|text| !text.is_empty()).map(Cow::Borrowed)
}

/// `CloudEvents` Kafka protocol binding 1.0.2, section 3: the mode is told by the content type.
fn is_structured(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/cloudevents+json")
}

/// The envelope of the library. Of the metadata nothing is required: other publishers leave fields out.
#[derive(Deserialize)]
struct Own<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Metadata<'a> {
    #[serde(borrow)]
    event_id: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    service_name: Text<'a>,
    #[serde(borrow)]
    correlation_id: Text<'a>,
    #[serde(borrow)]
    causation_id: Text<'a>,
    #[serde(borrow)]
    user_id: Text<'a>,
    #[serde(borrow)]
    trace_id: Text<'a>,
    #[serde(borrow)]
    span_id: Text<'a>,
}

/// The part of a domain event's payload that its data is read by.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Subject<'a> {
    #[serde(borrow)]
    aggregate_type: Text<'a>,
    #[serde(borrow)]
    event_version: Text<'a>,
}

/// A `CloudEvent` in the JSON format.
#[derive(Deserialize)]
struct Structured<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    source: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    event_type: Text<'a>,
    #[serde(borrow, default)]
    time: Text<'a>,
    #[serde(borrow, default, rename = "correlationid")]
    correlation_id: Text<'a>,
    #[serde(borrow, default, rename = "causationid")]
    causation_id: Text<'a>,
    #[serde(borrow, default)]
    traceparent: Text<'a>,
    #[serde(borrow, default)]
    tracestate: Text<'a>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    data_base64: Option<IgnoredAny>,
}
