//! What every event of a task has in common: who acted, in which request, as part of which trace.

use std::{collections::BTreeMap, fmt, future::Future, sync::Arc};

use once_cell::sync::Lazy;

use crate::event::{EventPriority, Metadata, message::Source};

tokio::task_local! {
    static CURRENT: EventContext;
}

static EMPTY: Lazy<EventContext> = Lazy::new(EventContext::default);

/// The circumstances that events published inside [`scope`](Self::scope) carry in their metadata.
///
/// A scope inside a scope inherits what it does not set itself. A spawned task starts without a context; carry it
/// over with `EventContext::current().scope(future)`.
///
/// ```
/// use marty_events::EventContext;
///
/// # async fn handle() {}
/// # async fn example() {
/// EventContext::new().correlation_id("order-77").user_id("alice").scope(handle()).await;
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventContext(Arc<Fields>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Fields {
    correlation_id: Option<String>,
    causation_id: Option<String>,
    user_id: Option<String>,
    session_id: Option<String>,
    request_id: Option<String>,
    source_ip: Option<String>,
    user_agent: Option<String>,
    trace: Option<TraceContext>,
    custom_headers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TraceContext {
    parent: String,
    state: Option<String>,
}

impl EventContext {
    /// A context that sets nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The context of the current task; one that sets nothing outside any scope.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_else(|_| EMPTY.clone())
    }

    /// What ties the events of one business operation together.
    #[must_use]
    pub fn correlation_id(mut self, id: impl fmt::Display) -> Self {
        self.fields().correlation_id = Some(id.to_string());
        self
    }

    /// The event or command that causes what is published inside.
    #[must_use]
    pub fn causation_id(mut self, id: impl fmt::Display) -> Self {
        self.fields().causation_id = Some(id.to_string());
        self
    }

    /// Who acts.
    #[must_use]
    pub fn user_id(mut self, id: impl fmt::Display) -> Self {
        self.fields().user_id = Some(id.to_string());
        self
    }

    /// In which session.
    #[must_use]
    pub fn session_id(mut self, id: impl fmt::Display) -> Self {
        self.fields().session_id = Some(id.to_string());
        self
    }

    /// The request that is being served.
    #[must_use]
    pub fn request_id(mut self, id: impl fmt::Display) -> Self {
        self.fields().request_id = Some(id.to_string());
        self
    }

    /// Where the request came from.
    #[must_use]
    pub fn source_ip(mut self, address: impl fmt::Display) -> Self {
        self.fields().source_ip = Some(address.to_string());
        self
    }

    /// What sent the request.
    #[must_use]
    pub fn user_agent(mut self, agent: impl Into<String>) -> Self {
        self.fields().user_agent = Some(agent.into());
        self
    }

    /// One more entry of the metadata's `custom_headers`.
    #[must_use]
    pub fn custom_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields().custom_headers.insert(name.into(), value.into());
        self
    }

    /// The trace that is going on, as the values of the W3C headers `traceparent` and `tracestate`. A `traceparent` that
    /// is not of the form that the W3C recommendation "Trace Context" gives is left out, and so is a `tracestate` of more than
    /// 512 characters or with others than visible ASCII. Of a later version of the recommendation what this one knows is kept,
    /// as version 00 (section 4.3, "Mutating the traceparent Field").
    #[must_use]
    pub fn trace(mut self, traceparent: impl Into<String>, tracestate: Option<String>) -> Self {
        let traceparent = traceparent.into();
        if trace_ids(&traceparent).is_some() {
            // The part of version 00, of which every character was looked at.
            let parent = format!("00{}", &traceparent[2..TRACEPARENT_LENGTH]);
            self.fields().trace = Some(TraceContext { parent, state: tracestate.filter(|state| is_tracestate(state)) });
        }
        self
    }

    /// Runs `future` in this context, which inherits from the one around it what it does not set itself.
    ///
    /// Dropping the returned future drops `future`; nothing is published by that.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        let context = self.inherit(&Self::current());
        CURRENT.scope(context, future).await
    }

    /// The metadata of an event with this id and time.
    pub(crate) fn metadata<'a>(
        &'a self,
        source: &'a Source,
        event_id: &'a str,
        timestamp: &'a str,
        priority: EventPriority,
    ) -> Metadata<'a> {
        let fields = &*self.0;
        let trace = fields.trace.as_ref().filter(|_| source.tracing).and_then(|trace| trace_ids(&trace.parent));
        Metadata {
            event_id,
            timestamp,
            service_name: &source.service_name,
            service_version: &source.service_version,
            correlation_id: fields.correlation_id.as_deref(),
            causation_id: fields.causation_id.as_deref(),
            user_id: fields.user_id.as_deref(),
            session_id: fields.session_id.as_deref(),
            trace_id: trace.map(|(id, _)| id),
            span_id: trace.map(|(_, id)| id),
            request_id: fields.request_id.as_deref(),
            priority,
            source_ip: fields.source_ip.as_deref(),
            user_agent: fields.user_agent.as_deref(),
            custom_headers: &fields.custom_headers,
        }
    }

    pub(crate) fn has_trace(&self) -> bool {
        self.0.trace.is_some()
    }

    /// `traceparent` and `tracestate`, where a trace is going on.
    pub(crate) fn trace_headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.trace.iter().flat_map(|trace| {
            [("traceparent", trace.parent.as_str())]
                .into_iter()
                .chain(trace.state.as_deref().map(|value| ("tracestate", value)))
        })
    }

    fn fields(&mut self) -> &mut Fields {
        Arc::make_mut(&mut self.0)
    }

    fn inherit(mut self, outer: &Self) -> Self {
        let (inner, outer) = (self.fields(), &*outer.0);
        let inherit = |own: &mut Option<String>, outer: &Option<String>| {
            if own.is_none() {
                own.clone_from(outer);
            }
        };
        inherit(&mut inner.correlation_id, &outer.correlation_id);
        inherit(&mut inner.causation_id, &outer.causation_id);
        inherit(&mut inner.user_id, &outer.user_id);
        inherit(&mut inner.session_id, &outer.session_id);
        inherit(&mut inner.request_id, &outer.request_id);
        inherit(&mut inner.source_ip, &outer.source_ip);
        inherit(&mut inner.user_agent, &outer.user_agent);
        if inner.trace.is_none() {
            inner.trace.clone_from(&outer.trace);
        }
        for (name, value) in &outer.custom_headers {
            inner.custom_headers.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }
}

/// Version 00: two, 32, 16 and two digits, and what is between them.
const TRACEPARENT_LENGTH: usize = 55;

/// What everybody has to pass on (W3C Trace Context, section 3.3.1.5); longer ones cost every event.
const LONGEST_TRACESTATE: usize = 512;

fn is_tracestate(text: &str) -> bool {
    (1..=LONGEST_TRACESTATE).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}

/// Trace id and span id of a `traceparent` (W3C Trace Context, section 3.2: version, trace id, parent id, flags).
fn trace_ids(traceparent: &str) -> Option<(&str, &str)> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_id = |text: &str, length| is_hex(text, length) && text.bytes().any(|byte| byte != b'0');
    let whole = version != "00" || parts.next().is_none();
    (is_hex(version, 2) && version != "ff" && is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2) && whole)
        .then_some((trace, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_inner_scope_overrides_and_inherits() {
        let seen = EventContext::new()
            .correlation_id("outer")
            .user_id("alice")
            .custom_header("tenant", "a")
            .scope(
                EventContext::new()
                    .correlation_id("inner")
                    .custom_header("shard", "7")
                    .scope(async { EventContext::current() }),
            )
            .await;
        let expected = EventContext::new()
            .correlation_id("inner")
            .user_id("alice")
            .custom_header("tenant", "a")
            .custom_header("shard", "7");
        assert_eq!(seen, expected);
        assert_eq!(EventContext::current(), EventContext::new());
    }

    #[tokio::test]
    async fn a_spawned_task_has_the_context_that_it_is_given_and_no_other() {
        let context = EventContext::new().correlation_id("c-1").user_id("alice");
        let seen = context.clone().scope(async {
            let carried = EventContext::current();
            let given = tokio::spawn(carried.scope(async { EventContext::current() }));
            let bare = tokio::spawn(async { EventContext::current() });
            (given.await.unwrap(), bare.await.unwrap())
        });
        assert_eq!(seen.await, (context, EventContext::new()));
    }

    #[test]
    fn of_a_trace_no_more_is_kept_than_is_known() {
        let known = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let kept = |parent: String, state: &str| {
            let context = EventContext::new().trace(parent, Some(state.to_owned()));
            context.trace_headers().map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(kept(format!("00{known}"), &"v".repeat(512)), [format!("00{known}"), "v".repeat(512)]);
        // Of a later version, with a megabyte of what it may bring.
        assert_eq!(kept(format!("01{known}-{}", "x".repeat(1 << 20)), "v=1"), [format!("00{known}"), "v=1".to_owned()]);
        for bad in ["", "v=1\r\nce_id: forged", "v=\u{e9}", &"v".repeat(513)] {
            assert_eq!(kept(format!("00{known}"), bad), [format!("00{known}")], "{bad:?}");
        }
    }

    #[test]
    fn only_a_well_formed_traceparent_is_taken() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_ids(good), Some(("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        ] {
            assert_eq!(trace_ids(bad), None, "{bad}");
        }
    }
}
