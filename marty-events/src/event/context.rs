//! The context that the events of a task share: the user, the request and the trace.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Arc, LazyLock},
};

use super::Circumstances;
use super::shortened;
use super::trace::TraceContext;

tokio::task_local! {
    static CURRENT: EventContext;
}

static EMPTY: LazyLock<EventContext> = LazyLock::new(EventContext::default);

/// The circumstances that events published inside [`scope`](Self::scope) carry in their metadata.
///
/// An inner scope inherits each field that it does not set. A spawned task starts without a context; carry it
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
    trace: Option<Arc<TraceContext>>,
    /// The caller's, by a request's headers: where nothing is known of the span that serves it.
    incoming_trace: Option<Arc<TraceContext>>,
    custom_headers: BTreeMap<String, String>,
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

    /// The id that the events of one business operation share.
    #[must_use]
    pub fn correlation_id(mut self, id: impl fmt::Display) -> Self {
        self.fields().correlation_id = Some(id.to_string());
        self
    }

    /// The event or command that causes the events published inside.
    #[must_use]
    pub fn causation_id(mut self, id: impl fmt::Display) -> Self {
        self.fields().causation_id = Some(id.to_string());
        self
    }

    /// The user who acts.
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

    /// The client's address.
    #[must_use]
    pub fn source_ip(mut self, address: impl fmt::Display) -> Self {
        self.fields().source_ip = Some(address.to_string());
        self
    }

    /// The client's program.
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
    /// 512 characters or with others than visible ASCII. A later version of the recommendation is cut to the parts that this one
    /// knows, as version 00 (section 4.3, "Mutating the traceparent Field").
    ///
    /// With the feature `opentelemetry` it need not be given: unless it is, an event carries the context of the span that
    /// it is recorded in.
    #[must_use]
    pub fn trace(mut self, traceparent: impl Into<String>, tracestate: Option<String>) -> Self {
        if let Some(trace) = TraceContext::new(&traceparent.into(), tracestate) {
            self.fields().trace = Some(Arc::new(trace));
        }
        self
    }

    /// The same of the request that is being served, for events that are recorded in no span of this service.
    #[cfg(feature = "tower")]
    pub(crate) fn incoming_trace(mut self, traceparent: &str, tracestate: Option<String>) -> Self {
        if let Some(trace) = TraceContext::new(traceparent, tracestate) {
            self.fields().incoming_trace = Some(Arc::new(trace));
        }
        self
    }

    /// The same of the event that is being handled.
    #[cfg(all(feature = "consumer", feature = "_database"))]
    pub(crate) fn caused_in(mut self, trace: TraceContext) -> Self {
        self.fields().incoming_trace = Some(Arc::new(trace));
        self
    }

    /// Runs `future` in this context, which inherits each field that it does not set from the context around it.
    ///
    /// Dropping the returned future drops `future`; nothing is published by that.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        let context = self.inherit(&Self::current());
        CURRENT.scope(context, future).await
    }

    /// Runs `work` in this context, as [`scope`](Self::scope) does with a future.
    pub fn sync_scope<R>(self, work: impl FnOnce() -> R) -> R {
        let context = self.inherit(&Self::current());
        CURRENT.sync_scope(context, work)
    }

    #[cfg(feature = "tower")]
    pub(crate) fn has_correlation_id(&self) -> bool {
        self.0.correlation_id.is_some()
    }

    /// The metadata of an event that has this trace.
    pub(crate) fn circumstances<'a>(&'a self, trace: Option<&'a TraceContext>) -> Circumstances<'a> {
        let fields = &*self.0;
        let trace = trace.and_then(TraceContext::ids);
        Circumstances {
            correlation_id: fields.correlation_id.as_deref(),
            causation_id: fields.causation_id.as_deref(),
            user_id: fields.user_id.as_deref(),
            session_id: fields.session_id.as_deref(),
            trace_id: trace.map(|(id, _)| id),
            span_id: trace.map(|(_, id)| id),
            request_id: fields.request_id.as_deref(),
            source_ip: fields.source_ip.as_deref(),
            user_agent: fields.user_agent.as_deref(),
            custom_headers: &fields.custom_headers,
        }
    }

    /// The trace of an event that is recorded now: the one that was set, the span that is going on, or the caller's.
    #[cfg(feature = "_envelope")]
    pub(crate) fn trace_now(&self) -> Option<Arc<TraceContext>> {
        let fields = &*self.0;
        fields
            .trace
            .clone()
            .or_else(|| TraceContext::of_current_span().map(Arc::new))
            .or_else(|| fields.incoming_trace.clone())
    }

    /// Every text cut to a length that any producer takes. Headers of the service's own are left out where they are long.
    pub(crate) fn shortened(mut self) -> Self {
        let fields = self.fields();
        let texts = [
            &mut fields.correlation_id,
            &mut fields.causation_id,
            &mut fields.user_id,
            &mut fields.session_id,
            &mut fields.request_id,
            &mut fields.source_ip,
            &mut fields.user_agent,
        ];
        texts.into_iter().flatten().for_each(shortened::cut);
        if shortened::LONGEST_DATA < fields.custom_headers.iter().map(|(name, value)| name.len() + value.len()).sum() {
            fields.custom_headers.clear();
        }
        self
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
        if inner.incoming_trace.is_none() {
            inner.incoming_trace.clone_from(&outer.incoming_trace);
        }
        for (name, value) in &outer.custom_headers {
            inner.custom_headers.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }
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

    #[cfg(all(feature = "tower", feature = "_envelope"))]
    #[tokio::test]
    async fn a_trace_that_is_set_goes_before_the_callers() {
        let trace = |digit: &str| format!("00-{}-{}-01", digit.repeat(32), digit.repeat(16));
        let now = || EventContext::current().trace_now().and_then(|trace| Some(trace.ids()?.1.to_owned()));
        let caller = EventContext::new().incoming_trace(&trace("a"), None);
        let seen = caller.scope(async {
            let set = EventContext::new().trace(trace("b"), None);
            (now(), set.scope(async { now() }).await)
        });
        assert_eq!(seen.await, (Some("a".repeat(16)), Some("b".repeat(16))));
        assert_eq!(now(), None);
    }
}
