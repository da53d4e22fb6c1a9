//! Spans of sending to Kafka and of handling, by the semantic conventions for messaging spans and for Kafka of OpenTelemetry 1.44.0
//! (<https://github.com/open-telemetry/semantic-conventions/tree/v1.44.0/docs/messaging>).
//!
//! The context that goes with an event is that of the span in which it was recorded. The conventions call that a custom
//! creation context, which is not modified, beside which there is no span of type `create`, and which the spans of type
//! `send` link to; their kind is `CLIENT` then.

#[cfg(all(feature = "kafka", feature = "_database"))]
use std::collections::HashMap;

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};
use tracing::{Level, Span};

#[cfg(all(feature = "consumer", feature = "_database"))]
use crate::inbox::Delivery;
use crate::{EventError, event::envelope::Message};
#[cfg(all(feature = "kafka", feature = "_database"))]
use crate::{event::trace::TraceContext, outbox::QueuedRow};

/// The name for filters: `marty_events::spans=debug`.
const TARGET: &str = "marty_events::spans";

/// The fields of a span of type `send`. The field with the name of an error has a value only after one.
macro_rules! send_span {
    ($level:expr, $topic:expr, $id:expr, $key:expr $(, parent: $parent:expr)?) => {
        tracing::span!(
            target: TARGET,
            $(parent: $parent,)?
            $level,
            "send",
            otel.name = format_args!("send {}", $topic),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            "messaging.system" = "kafka",
            "messaging.operation.name" = "send",
            "messaging.operation.type" = "send",
            "messaging.destination.name" = $topic,
            "messaging.message.id" = %$id,
            "messaging.kafka.message.key" = $key,
            "error.type" = tracing::field::Empty,
        )
    };
}

/// The span of one event on the direct route, inside the one that is going on.
pub(crate) fn send_span(message: &Message, enabled: bool) -> Span {
    if !enabled {
        return Span::none();
    }
    let span = send_span!(Level::INFO, message.topic.as_str(), message.id, message.key());
    if let Some(trace) = message.trace().filter(|_| !span.is_disabled()) {
        trace.link_from(&span);
    }
    span
}

/// The span of a handler's call for these records. It begins a trace of its own and links to the spans that the events were recorded in: an
/// event may be handled hours later, and again.
#[cfg(all(feature = "consumer", feature = "_database"))]
pub(crate) fn process_span<'a>(
    enabled: bool,
    group: &str,
    handler: &str,
    first: (&Delivery, &str),
    traces: impl Iterator<Item = &'a TraceContext>,
) -> Span {
    if !enabled {
        return Span::none();
    }
    let (delivery, id) = first;
    let span = tracing::span!(
        target: TARGET,
        parent: None,
        Level::INFO,
        "process",
        otel.name = format_args!("process {}", delivery.topic),
        otel.kind = "consumer",
        otel.status_code = tracing::field::Empty,
        "messaging.system" = "kafka",
        "messaging.operation.name" = "process",
        "messaging.operation.type" = "process",
        "messaging.destination.name" = &*delivery.topic,
        "messaging.destination.partition.id" = %delivery.partition,
        "messaging.consumer.group.name" = group,
        "messaging.kafka.offset" = delivery.offset,
        "messaging.message.id" = id,
        "code.function.name" = handler,
        "error.type" = tracing::field::Empty,
    );
    if !span.is_disabled() {
        traces.for_each(|trace| trace.link_from(&span));
    }
    span
}

/// The broker has answered.
pub(crate) fn end(span: Span, sent: &Result<(), EventError>) {
    match sent {
        Err(EventError::Delivery { source, .. }) => {
            if let Some(error) = source.downcast_ref() {
                note(&span, error);
            }
        }
        Err(EventError::UnknownTopic { .. }) => {
            note(&span, &KafkaError::MessageProduction(RDKafkaErrorCode::UnknownTopicOrPartition));
        }
        _ => {}
    }
    drop(span);
}

/// Records an error by the client's name for it.
fn note(span: &Span, error: &KafkaError) {
    if span.is_disabled() {
        return;
    }
    let code = error.rdkafka_error_code().map_or_else(|| "_OTHER".to_owned(), |code| format!("{code:?}"));
    span.record("error.type", code).record("otel.status_code", "ERROR");
}

/// The spans of the records that a relay has in flight: from the moment when a record is handed to the client to the broker's answer.
///
/// A span is made for an event whose trace is sampled, and only if a subscriber wants to see the level `DEBUG` of the target
/// `marty_events::spans`: a relay carries many thousand events a second.
#[cfg(all(feature = "kafka", feature = "_database"))]
#[derive(Debug, Default)]
pub(crate) struct SendSpans {
    enabled: bool,
    under_way: HashMap<i64, Span>,
}

#[cfg(all(feature = "kafka", feature = "_database"))]
impl SendSpans {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, under_way: HashMap::new() }
    }

    pub(crate) fn begin(&mut self, event: &QueuedRow) {
        if !self.enabled || !tracing::span_enabled!(target: TARGET, Level::DEBUG) {
            return;
        }
        let Some(trace) = event.headers.trace().filter(TraceContext::is_sampled) else { return };
        // A trace of its own: the request that the event is of is over, and may be by hours.
        let span = send_span!(Level::DEBUG, event.topic.as_str(), event.event_id, event.key.as_deref(), parent: None);
        trace.link_from(&span);
        self.under_way.insert(event.seq, span);
    }

    pub(crate) fn end(&mut self, seq: i64, error: Option<&KafkaError>) {
        if self.under_way.is_empty() {
            return;
        }
        if let Some(span) = self.under_way.remove(&seq)
            && let Some(error) = error
        {
            note(&span, error);
        }
    }
}
