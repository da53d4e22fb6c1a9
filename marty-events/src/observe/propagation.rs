//! The trace that an event carries, as the W3C recommendation "Trace Context" writes it.

use crate::outbox::HeaderText;

/// The span that an event was recorded in: the values of the headers `traceparent` and `tracestate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    parent: String,
    state: Option<String>,
}

impl TraceContext {
    /// Nothing for a `traceparent` that is not of the recommendation's form. Of a later version of it what this one knows is kept, as
    /// version 00 (section 4.3, "Mutating the traceparent Field"); a `tracestate` that is too long, or no text, is left out.
    pub(crate) fn new(parent: &str, state: Option<String>) -> Option<Self> {
        parts(parent)?;
        // The part of version 00, of which every character was looked at.
        let parent = format!("00{}", parent.get(2..PARENT_LENGTH)?);
        Some(Self { parent, state: state.filter(|state| is_state(state)) })
    }

    /// What a record's headers say.
    pub(crate) fn of_headers(headers: &HeaderText) -> Option<Self> {
        let (parent, state) = headers.fold((None, None), |(parent, state), name, value| match name {
            "traceparent" => (Some(value.to_owned()), state),
            "tracestate" => (parent, Some(value.to_owned())),
            _ => (parent, state),
        });
        Self::new(&parent?, state)
    }

    /// The span that is going on, where OpenTelemetry knows of one: by `tracing`, or else by its own API.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn of_current_span() -> Option<Self> {
        use opentelemetry::trace::TraceContextExt;
        use tracing_opentelemetry::OpenTelemetrySpanExt;

        let of = |context: &opentelemetry::Context| {
            let span = context.span().span_context().clone();
            span.is_valid().then_some(span)
        };
        let span = of(&tracing::Span::current().context()).or_else(|| of(&opentelemetry::Context::current()))?;
        let parent = format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags());
        Self::new(&parent, Some(span.trace_state().header()).filter(|state| !state.is_empty()))
    }

    #[cfg(not(feature = "opentelemetry"))]
    pub(crate) fn of_current_span() -> Option<Self> {
        None
    }

    /// Makes `span` point at this one.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn link_from(&self, span: &tracing::Span) {
        use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
        use tracing_opentelemetry::OpenTelemetrySpanExt;

        let Some(Parts { trace_id, span_id, flags }) = parts(&self.parent) else { return };
        if let (Ok(trace), Ok(id)) = (TraceId::from_hex(trace_id), SpanId::from_hex(span_id)) {
            let state = self.state.as_deref().and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
            span.add_link(SpanContext::new(trace, id, TraceFlags::new(flags), true, state));
        }
    }

    #[cfg(not(feature = "opentelemetry"))]
    pub(crate) fn link_from(&self, _: &tracing::Span) {}

    /// Trace id and span id.
    pub(crate) fn ids(&self) -> Option<(&str, &str)> {
        parts(&self.parent).map(|parts| (parts.trace_id, parts.span_id))
    }

    /// Whether the trace is recorded by whoever began it: the flag `sampled` (section 3.2.2.5.1).
    pub(crate) fn is_sampled(&self) -> bool {
        parts(&self.parent).is_some_and(|parts| parts.flags & 1 == 1)
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let state = self.state.as_deref().map(|value| ("tracestate", value));
        [("traceparent", self.parent.as_str())].into_iter().chain(state)
    }
}

/// Version 00: two, 32, 16 and two digits, and what is between them.
const PARENT_LENGTH: usize = 55;

/// What everybody has to pass on (section 3.3.1.5); longer ones cost every event.
const LONGEST_STATE: usize = 512;

fn is_state(text: &str) -> bool {
    (1..=LONGEST_STATE).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}

struct Parts<'a> {
    trace_id: &'a str,
    span_id: &'a str,
    flags: u8,
}

/// Section 3.2: version, trace id, parent id, flags.
fn parts(traceparent: &str) -> Option<Parts<'_>> {
    let mut parts = traceparent.split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_id = |text: &str, length| is_hex(text, length) && text.bytes().any(|byte| byte != b'0');
    let whole = version != "00" || parts.next().is_none();
    if !(is_hex(version, 2)
        && version != "ff"
        && is_id(trace_id, 32)
        && is_id(span_id, 16)
        && is_hex(flags, 2)
        && whole)
    {
        return None;
    }
    Some(Parts { trace_id, span_id, flags: u8::from_str_radix(flags, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_is_taken() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceContext::new(good, None).unwrap();
        assert_eq!(trace.ids(), Some(("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        ] {
            assert_eq!(TraceContext::new(bad, None), None, "{bad}");
        }
    }

    #[test]
    fn of_a_trace_no_more_is_kept_than_is_known() {
        let known = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let kept = |parent: String, state: &str| {
            let trace = TraceContext::new(&parent, Some(state.to_owned())).expect("a trace");
            trace.headers().map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(kept(format!("00{known}"), &"v".repeat(512)), [format!("00{known}"), "v".repeat(512)]);
        // Of a later version, with a megabyte of what it may bring.
        assert_eq!(kept(format!("01{known}-{}", "x".repeat(1 << 20)), "v=1"), [format!("00{known}"), "v=1".to_owned()]);
        for bad in ["", "v=1\r\nce_id: forged", "v=\u{e9}", &"v".repeat(513)] {
            assert_eq!(kept(format!("00{known}"), bad), [format!("00{known}")], "{bad:?}");
        }
    }

    #[test]
    fn the_last_bit_of_the_flags_is_the_sampling() {
        for (flags, sampled) in [("00", false), ("01", true), ("02", false), ("03", true), ("ff", true)] {
            let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
            assert_eq!(TraceContext::new(&parent, None).unwrap().is_sampled(), sampled, "{flags}");
        }
    }
}
