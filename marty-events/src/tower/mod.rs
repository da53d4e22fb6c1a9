//! A [`tower`](https://docs.rs/tower) layer that puts every request in an [`EventContext`] filled from its headers.
//!
//! | header | field |
//! |---|---|
//! | `x-correlation-id` (else `x-request-id`) | `correlation_id` |
//! | `x-causation-id` | `causation_id` |
//! | `x-request-id` | `request_id` |
//! | `user-agent` | `user_agent` |
//! | `traceparent`, `tracestate` | the trace |
//!
//! With the feature `opentelemetry` the span that serves the request goes before the header, which names the caller's.
//!
//! An id of more than 512 bytes is left out, and a longer `user-agent` is cut there: these are the client's words, go into every
//! event of the request, and must not be able to make an event too large to be published.
//!
//! Who acts, in which session and from which address is not taken from headers, which any client can set, unless a proxy
//! in front of the service sets them and [`EventContextLayer::user_id_header`] and its like name them. The proxy must replace
//! what the client sent under that name; a name that comes twice is not believed.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::EventContext;

/// The most bytes that one header brings into an event.
const LONGEST: usize = 512;

/// Fills the [`EventContext`] of every request.
///
/// ```
/// use marty_events::tower::EventContextLayer;
///
/// let layer = EventContextLayer::new().user_id_header(http::HeaderName::from_static("x-authenticated-user"));
/// // axum: Router::new().route(..).layer(layer)
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Default)]
pub struct EventContextLayer {
    user_id: Option<HeaderName>,
    session_id: Option<HeaderName>,
    source_ip: Option<(HeaderName, Place)>,
}

/// Which entry of a list of addresses is the client's.
#[derive(Debug, Clone, Copy)]
enum Place {
    First,
    /// Counted from the end, from 1 on.
    FromTheEnd(usize),
}

impl EventContextLayer {
    /// A layer that reads the headers of the module's table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The header in which a trusted proxy says who acts.
    #[must_use]
    pub fn user_id_header(mut self, name: HeaderName) -> Self {
        self.user_id = Some(name);
        self
    }

    /// The header in which a trusted proxy names the session.
    #[must_use]
    pub fn session_id_header(mut self, name: HeaderName) -> Self {
        self.session_id = Some(name);
        self
    }

    /// The header in which a trusted proxy gives the client's address; of a list, the first entry counts. For a header that
    /// the proxy replaces, such as `x-real-ip`: where it only appends to what the client sent, the first entry is the client's
    /// own word, and [`source_ip_behind`](Self::source_ip_behind) is right.
    #[must_use]
    pub fn source_ip_header(mut self, name: HeaderName) -> Self {
        self.source_ip = Some((name, Place::First));
        self
    }

    /// The header to which each of `proxies` trusted proxies, at least one, appends the address that called it, as is the
    /// custom with `x-forwarded-for`. What stands before the entry of the outermost one was written by the client, and is not
    /// looked at.
    #[must_use]
    pub fn source_ip_behind(mut self, name: HeaderName, proxies: usize) -> Self {
        self.source_ip = Some((name, Place::FromTheEnd(proxies.max(1))));
        self
    }

    fn context(&self, headers: &HeaderMap) -> EventContext {
        let text = |value: &HeaderValue| value.to_str().ok().filter(|text| !text.is_empty()).map(str::to_owned);
        let header = |name: &str| headers.get(name).and_then(text);
        let id = |name: &str| header(name).filter(|text| text.len() <= LONGEST);
        let trusted = |name: &Option<HeaderName>| {
            let mut values = headers.get_all(name.as_ref()?).iter();
            values.next().filter(|_| values.next().is_none()).and_then(text).filter(|text| text.len() <= LONGEST)
        };
        let mut context = EventContext::new();
        if let Some(id) = id("x-correlation-id").or_else(|| id("x-request-id")) {
            context = context.correlation_id(id);
        }
        if let Some(id) = id("x-causation-id") {
            context = context.causation_id(id);
        }
        if let Some(id) = id("x-request-id") {
            context = context.request_id(id);
        }
        if let Some(mut agent) = header("user-agent") {
            // A header's text is ASCII.
            agent.truncate(LONGEST);
            context = context.user_agent(agent);
        }
        if let Some(parent) = header("traceparent") {
            let state: Vec<String> = headers.get_all("tracestate").iter().filter_map(text).collect();
            context = context.incoming_trace(&parent, Some(state.join(",")));
        }
        if let Some(id) = trusted(&self.user_id) {
            context = context.user_id(id);
        }
        if let Some(id) = trusted(&self.session_id) {
            context = context.session_id(id);
        }
        if let Some(address) = self.source_ip.as_ref().and_then(|(name, place)| address(headers, name, *place)) {
            context = context.source_ip(address);
        }
        context
    }
}

/// An entry of a list that may go over several headers of the name (RFC 9110, section 5.3).
fn address<'a>(headers: &'a HeaderMap, name: &HeaderName, place: Place) -> Option<&'a str> {
    let lines = headers.get_all(name).iter();
    let mut entries =
        lines.map(|line| line.to_str().unwrap_or_default()).flat_map(|line| line.split(',')).map(str::trim);
    let entry = match place {
        Place::First => entries.next(),
        Place::FromTheEnd(count) => entries.collect::<Vec<_>>().into_iter().nth_back(count - 1),
    };
    entry.filter(|entry| (1..=LONGEST).contains(&entry.len()))
}

impl<S> Layer<S> for EventContextLayer {
    type Service = EventContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EventContextService { inner, layer: self.clone() }
    }
}

/// The service that [`EventContextLayer`] makes.
#[derive(Debug, Clone)]
pub struct EventContextService<S> {
    inner: S,
    layer: EventContextLayer,
}

impl<S, B> Service<Request<B>> for EventContextService<S>
where
    S: Service<Request<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let context = self.layer.context(request.headers());
        Box::pin(context.scope(self.inner.call(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers the context that it was called in.
    #[derive(Clone)]
    struct Echo;

    impl Service<Request<()>> for Echo {
        type Response = EventContext;
        type Error = std::convert::Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<EventContext, Self::Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            Box::pin(async { Ok(EventContext::current()) })
        }
    }

    #[tokio::test]
    async fn the_context_is_filled_from_the_headers_that_are_trusted() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = Request::builder()
            .header("x-request-id", "r-1")
            .header("user-agent", "curl/8")
            .header("traceparent", trace)
            .header("x-user-id", "mallory")
            .header("x-authenticated-user", "alice")
            .header("x-forwarded-for", "192.0.2.1, 10.0.0.1")
            .body(())
            .unwrap();
        let layer = EventContextLayer::new()
            .user_id_header(HeaderName::from_static("x-authenticated-user"))
            .source_ip_header(HeaderName::from_static("x-forwarded-for"));
        let seen = layer.layer(Echo).call(request).await.unwrap();
        let expected = EventContext::new()
            .correlation_id("r-1")
            .request_id("r-1")
            .user_agent("curl/8")
            .incoming_trace(trace, None)
            .user_id("alice")
            .source_ip("192.0.2.1");
        assert_eq!(seen, expected);
    }

    fn seen(layer: &EventContextLayer, headers: &[(&str, &str)]) -> EventContext {
        let pairs = headers.iter().map(|(name, value)| {
            (HeaderName::try_from(*name).expect("a name"), HeaderValue::try_from(*value).expect("a value"))
        });
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        layer.context(&map)
    }

    #[test]
    fn a_client_cannot_make_an_event_large() {
        let huge = "\"".repeat(100_000);
        let names = ["x-correlation-id", "x-request-id", "x-causation-id", "user-agent", "traceparent", "tracestate"];
        let mut headers: Vec<_> = names.into_iter().map(|name| (name, huge.as_str())).collect();
        headers.push(("x-authenticated-user", &huge));
        headers.push(("x-forwarded-for", &huge));
        let layer = EventContextLayer::new()
            .user_id_header(HeaderName::from_static("x-authenticated-user"))
            .source_ip_header(HeaderName::from_static("x-forwarded-for"));
        assert_eq!(seen(&layer, &headers), EventContext::new().user_agent("\"".repeat(512)));
    }

    #[test]
    fn a_client_cannot_speak_for_the_proxy() {
        let layer = EventContextLayer::new()
            .user_id_header(HeaderName::from_static("x-user"))
            .source_ip_behind(HeaderName::from_static("x-forwarded-for"), 2);
        let headers = [
            ("x-user", "mallory"),
            ("x-user", "alice"),
            ("x-forwarded-for", "198.51.100.1, 192.0.2.1"),
            ("x-forwarded-for", "10.0.0.1"),
        ];
        assert_eq!(seen(&layer, &headers), EventContext::new().source_ip("192.0.2.1"));
        assert_eq!(seen(&layer, &headers[1..2]), EventContext::new().user_id("alice"));
        assert_eq!(seen(&layer, &headers[3..]), EventContext::new(), "fewer entries than proxies");
    }

    #[test]
    fn a_trace_state_may_come_in_parts() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let headers = [("traceparent", trace), ("tracestate", "a=1"), ("tracestate", "b=2")];
        let expected = EventContext::new().incoming_trace(trace, Some("a=1,b=2".to_owned()));
        assert_eq!(seen(&EventContextLayer::new(), &headers), expected);
    }
}
