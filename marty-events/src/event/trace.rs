//! The trace that an event carries, as the W3C recommendation "Trace Context" writes it.

use std::collections::BTreeSet;

/// The span that an event was recorded in: the values of the headers `traceparent` and `tracestate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    parent: String,
    state: Option<String>,
}

impl TraceContext {
    /// `None` for a `traceparent` that is not of the recommendation's form. A later version is cut to the parts that this one knows,
    /// as version 00 (section 4.3, "Mutating the traceparent Field"). A `tracestate` that is too long or malformed is left out.
    pub(crate) fn new(parent: &str, state: Option<String>) -> Option<Self> {
        let Parts { trace_id, span_id, flags } = parts(parent.trim_matches(BLANKS))?;
        // Flags that are not known are to be passed on as zeros (section 3.2.2.5.2).
        let parent = format!("00-{trace_id}-{span_id}-{:02x}", flags & KNOWN_FLAGS);
        Some(Self { parent, state: state.and_then(|state| known_state(&state)) })
    }

    /// The span that is going on, where OpenTelemetry knows of one: by `tracing`, or else by its own API.
    #[cfg(all(feature = "opentelemetry", feature = "_envelope"))]
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

    #[cfg(all(feature = "_envelope", not(feature = "opentelemetry")))]
    pub(crate) fn of_current_span() -> Option<Self> {
        None
    }

    /// Makes `span` point at this one.
    #[cfg(all(feature = "opentelemetry", feature = "kafka"))]
    pub(crate) fn link_from(&self, span: &tracing::Span) {
        use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
        use tracing_opentelemetry::OpenTelemetrySpanExt;

        let Some(Parts { trace_id, span_id, flags }) = parts(&self.parent) else { return };
        if let (Ok(trace), Ok(id)) = (TraceId::from_hex(trace_id), SpanId::from_hex(span_id)) {
            let state = self.state.as_deref().and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
            span.add_link(SpanContext::new(trace, id, TraceFlags::new(flags), true, state));
        }
    }

    #[cfg(all(feature = "kafka", not(feature = "opentelemetry")))]
    pub(crate) fn link_from(&self, _: &tracing::Span) {}

    /// Trace id and span id.
    pub(crate) fn ids(&self) -> Option<(&str, &str)> {
        parts(&self.parent).map(|parts| (parts.trace_id, parts.span_id))
    }

    /// True if the service that began the trace records it: the flag `sampled` (section 3.2.2.5.1).
    pub(crate) fn is_sampled(&self) -> bool {
        parts(&self.parent).is_some_and(|parts| parts.flags & 1 == 1)
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let state = self.state.as_deref().map(|value| ("tracestate", value));
        [("traceparent", self.parent.as_str())].into_iter().chain(state)
    }
}

/// The blanks that HTTP allows around a value.
const BLANKS: [char; 2] = [' ', '\t'];
/// `sampled`, and `random` of the recommendation's second level.
const KNOWN_FLAGS: u8 = 3;
/// The length that everybody has to pass on (section 3.3.1.5); longer states cost every event.
const LONGEST_STATE: usize = 512;
/// The most members of a state (section 3.3.1.1).
const MOST_MEMBERS: usize = 32;

/// A `tracestate` without blanks and empty members, where all of its members are of the form: one that is not makes it unreadable as a
/// whole, and a key counts once (section 3.3.1, "tracestate Header Field Values").
fn known_state(text: &str) -> Option<String> {
    let members = || text.split(',').map(|member| member.trim_matches(BLANKS)).filter(|member| !member.is_empty());
    let mut keys = BTreeSet::new();
    let is_of_the_form = members().all(|member| {
        member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value) && keys.insert(key))
    });
    let state = members().collect::<Vec<_>>().join(",");
    let fits = (1..=LONGEST_STATE).contains(&state.len()) && keys.len() <= MOST_MEMBERS;
    (is_of_the_form && fits).then_some(state)
}

/// Section 3.3.1.3.1: a simple key, or a tenant's of a system with several.
fn is_key(key: &str) -> bool {
    let is_part = |text: &str, longest: usize, begins: fn(u8) -> bool| {
        (1..=longest).contains(&text.len())
            && text.bytes().next().is_some_and(begins)
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'))
    };
    // The second level lets a simple key begin with a digit too.
    let begins = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match key.split_once('@') {
        None => is_part(key, 256, begins),
        Some((tenant, system)) => is_part(tenant, 241, begins) && is_part(system, 14, |byte| byte.is_ascii_lowercase()),
    }
}

/// Section 3.3.1.3.2. The blanks around it are gone.
fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len()) && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
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

    const IDS: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

    fn kept(parent: &str, state: &str) -> Vec<String> {
        let trace = TraceContext::new(parent, Some(state.to_owned())).expect("a trace");
        trace.headers().map(|(_, value)| value.to_owned()).collect()
    }

    fn state(text: &str) -> Option<String> {
        kept(&format!("00-{IDS}-01"), text).get(1).cloned()
    }

    #[test]
    fn of_a_trace_no_more_is_kept_than_is_known() {
        // A later version may bring more parts; here they are a megabyte.
        let later = format!("01-{IDS}-01-{}", "x".repeat(1 << 20));
        assert_eq!(kept(&later, "v=1"), [format!("00-{IDS}-01"), "v=1".to_owned()]);
        assert_eq!(kept(&format!("cc-{IDS}-ff"), "v=1"), [format!("00-{IDS}-03"), "v=1".to_owned()]);
        assert_eq!(kept(&format!(" \t00-{IDS}-09\t"), "")[..], [format!("00-{IDS}-01")]);
    }

    /// The cases of `trace-context/test/test.py` (github.com/w3c/trace-context), in its order.
    #[test]
    fn a_traceparent_is_read_as_the_w3c_tests_it() {
        let (trace, span) = IDS.split_once('-').expect("two ids");
        let read = |parent: &str| TraceContext::new(parent, None).is_some();
        for bad in [
            format!("00-{IDS}-01."),
            format!("00-{IDS}-01-what-the-future-will-be-like"),
            format!("cc-{IDS}-01.what-the-future-will-be-like"),
            format!("ff-{IDS}-01"),
            format!(".0-{IDS}-01"),
            format!("0.-{IDS}-01"),
            format!("000-{IDS}-01"),
            format!("0000-{IDS}-01"),
            format!("0-{IDS}-01"),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-.{}-{span}-01", &trace[1..]),
            format!("00-{}.-{span}-01", &trace[1..]),
            format!("00-{trace}a-{span}-01"),
            format!("00-{}-{span}-01", &trace[1..]),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}-.{}-01", &span[1..]),
            format!("00-{trace}-{}.-01", &span[1..]),
            format!("00-{trace}-{span}a-01"),
            format!("00-{trace}-{}-01", &span[1..]),
            format!("00-{IDS}-.0"),
            format!("00-{IDS}-0."),
            format!("00-{IDS}-001"),
            format!("00-{IDS}-1"),
            format!("00-{IDS}"),
            String::new(),
        ] {
            assert!(!read(&bad), "{bad}");
        }
        for good in [
            format!("00-{IDS}-01"),
            format!("cc-{IDS}-01"),
            format!("cc-{IDS}-01-what-the-future-will-be-like"),
            format!(" 00-{IDS}-01"),
            format!("\t00-{IDS}-01"),
            format!("00-{IDS}-01 "),
            format!("00-{IDS}-01\t"),
            format!("\t 00-{IDS}-01 \t"),
        ] {
            assert!(read(&good), "{good}");
        }
    }

    /// The same for the state.
    #[test]
    fn a_tracestate_is_read_as_the_w3c_tests_it() {
        let members = |count: usize| (0..count).map(|number| format!("k{number:02}=1")).collect::<Vec<_>>().join(",");
        let all_of_a_key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
        let all_of_a_value: String =
            (b' '..=b'~').map(char::from).filter(|letter| !matches!(letter, ',' | '=')).collect();
        for (given, kept) in [
            ("foo=1,bar=2".to_owned(), "foo=1,bar=2".to_owned()),
            ("foo=1,".to_owned(), "foo=1".to_owned()),
            (",foo=1".to_owned(), "foo=1".to_owned()),
            ("foo=1,,bar=2".to_owned(), "foo=1,bar=2".to_owned()),
            ("foo=1 \t , \t bar=2, \t baz=3".to_owned(), "foo=1,bar=2,baz=3".to_owned()),
            ("foo=1\t \t,\t \tbar=2,\t \tbaz=3".to_owned(), "foo=1,bar=2,baz=3".to_owned()),
            (" foo=1".to_owned(), "foo=1".to_owned()),
            ("\tfoo=1\t ".to_owned(), "foo=1".to_owned()),
            (format!("{all_of_a_key}={}", all_of_a_value.trim()), format!("{all_of_a_key}={}", all_of_a_value.trim())),
            (format!("{all_of_a_key}@a-z0-9_-*/={}", "x"), format!("{all_of_a_key}@a-z0-9_-*/=x")),
            (members(32), members(32)),
            (format!("foo=1,{}=1", "z".repeat(256)), format!("foo=1,{}=1", "z".repeat(256))),
            (
                format!("foo=1,{}@{}=1", "t".repeat(241), "v".repeat(14)),
                format!("foo=1,{}@{}=1", "t".repeat(241), "v".repeat(14)),
            ),
        ] {
            assert_eq!(state(&given), Some(kept), "{given}");
        }
        for bad in [
            "",
            ",",
            "foo",
            "foo=1,foo=1",
            "foo=1,foo=2",
            "foo =1",
            "FOO=1",
            "foo.bar=1",
            "foo@=1,bar=2",
            "@foo=1,bar=2",
            "foo@@bar=1,bar=2",
            "foo@bar@baz=1,bar=2",
            "foo=bar=baz",
            "foo=,bar=3",
            "foo=a\tb",
            "v=1\r\nce_id: forged",
            "v=\u{e9}",
            &members(33),
            &format!("foo=1,{}=1", "z".repeat(257)),
            &format!("foo=1,{}@v=1", "t".repeat(242)),
            &format!("foo=1,t@{}=1", "v".repeat(15)),
            &format!("foo={}", "v".repeat(257)),
            &format!("foo={},bar={}", "v".repeat(250), "v".repeat(254)),
        ] {
            assert_eq!(state(bad), None, "{bad:?}");
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
