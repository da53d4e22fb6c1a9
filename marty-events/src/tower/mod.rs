//! A [`tower`](https://docs.rs/tower) layer that puts every request in an [`EventContext`] filled from its headers.
//!
//! | header | field |
//! |---|---|
//! | `x-correlation-id`, else `x-request-id`, else a new id | `correlation_id` |
//! | `x-causation-id` | `causation_id` |
//! | `x-request-id` | `request_id` |
//! | `user-agent` | `user_agent` |
//! | `traceparent`, `tracestate` | the trace |
//!
//! The context is there from the call of the service on, while the response's future runs, and while the response's body streams. A task
//! that the service spawns starts without one: carry it over with `EventContext::current().scope(future)`.
//!
//! With the feature `opentelemetry` the span that serves the request goes before the header, which names the caller's. A request with two
//! `traceparent` headers has no trace, as the W3C recommendation "Trace Context" has it.
//!
//! An id of more than 512 bytes is left out, and a longer `user-agent` is cut there: these are the client's words, go into every
//! event of the request, and must not be able to make an event too large to be published. A value beyond ASCII is read as UTF-8, and as
//! ISO 8859-1 where it is not UTF-8. A value with control characters is left out.
//!
//! User, session and address are not taken from headers by default, because any client can set those. Where a proxy in front of the
//! service sets them, name them with [`EventContextLayer::user_id_header`] and its like. The proxy must replace the client's own value
//! under that name. A header that comes twice is ignored.

mod address;
mod body;
mod headers;
mod text;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderName, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

pub use body::EventContextBody;

use crate::EventContext;
use address::Place;

/// Fills the [`EventContext`] of every request.
///
/// ```
/// use marty_events::tower::EventContextLayer;
///
/// let layer = EventContextLayer::new().user_id_header(http::HeaderName::from_static("x-authenticated-user"));
/// // axum: Router::new().route(..).layer(layer)
/// # let _ = layer;
/// ```
#[derive(Debug, Clone)]
pub struct EventContextLayer {
    user_id: Option<HeaderName>,
    session_id: Option<HeaderName>,
    source_ip: Option<(HeaderName, Place)>,
    makes_correlation_ids: bool,
}

impl EventContextLayer {
    /// A layer that reads the headers of the module's table.
    #[must_use]
    pub fn new() -> Self {
        Self { user_id: None, session_id: None, source_ip: None, makes_correlation_ids: true }
    }

    /// Gives a request without a correlation id and a request id a new correlation id (a `UUIDv7`); `true` unless set. The id ties the
    /// events of one request together. A request that is served inside another context keeps that one's id.
    #[must_use]
    pub fn make_correlation_ids(mut self, makes: bool) -> Self {
        self.makes_correlation_ids = makes;
        self
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
    /// the proxy replaces, such as `x-real-ip`. Where the proxy only appends to the client's value, the first entry is the
    /// client's own word: use [`source_ip_behind`](Self::source_ip_behind) there.
    ///
    /// An entry is an IP address, with a port or without (`192.0.2.1:5678`, `[2001:db8::1]:80`); the port is left out. In the header
    /// `forwarded` it is the `for` of an element (RFC 7239). Anything else, such as `unknown`, is left out as a whole.
    #[must_use]
    pub fn source_ip_header(mut self, name: HeaderName) -> Self {
        self.source_ip = Some((name, Place::First));
        self
    }

    /// The header to which each of `proxies` trusted proxies, at least one, appends the address that called it, as is the
    /// custom with `x-forwarded-for` and `forwarded`. The client wrote the text before the outermost
    /// proxy's entry, so it is ignored. Entries are read as by [`source_ip_header`](Self::source_ip_header).
    #[must_use]
    pub fn source_ip_behind(mut self, name: HeaderName, proxies: usize) -> Self {
        self.source_ip = Some((name, Place::FromTheEnd(proxies.max(1))));
        self
    }
}

impl Default for EventContextLayer {
    fn default() -> Self {
        Self::new()
    }
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

impl<S, B, R> Service<Request<B>> for EventContextService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<EventContextBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let context = self.layer.context(request.headers());
        // A service may do its work before it answers with a future, and publish an event there.
        let answer = context.clone().sync_scope(|| self.inner.call(request));
        Box::pin(context.clone().scope(async move {
            let context = EventContext::current();
            answer.await.map(|response| response.map(|body| EventContextBody::new(body, context)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{HeaderMap, HeaderValue};
    use http_body::{Body, Frame};

    use super::*;

    /// Answers the contexts that it was called, awaited, read and dropped in.
    #[derive(Clone, Default)]
    struct Echo(Seen);

    type Seen = Arc<Mutex<Vec<EventContext>>>;

    fn note(seen: &Seen) {
        seen.lock().expect("no panic").push(EventContext::current());
    }

    struct Stream(Seen);

    impl Body for Stream {
        type Data = &'static [u8];
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            note(&self.0);
            Poll::Ready(None)
        }
    }

    impl Drop for Stream {
        fn drop(&mut self) {
            note(&self.0);
        }
    }

    impl Service<Request<()>> for Echo {
        type Response = Response<Stream>;
        type Error = std::convert::Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            note(&self.0);
            let seen = self.0.clone();
            Box::pin(async move {
                note(&seen);
                Ok(Response::new(Stream(seen)))
            })
        }
    }

    #[tokio::test]
    async fn the_context_is_there_from_the_call_to_the_end_of_the_body() {
        let echo = Echo::default();
        let mut service = EventContextLayer::new().layer(echo.clone());
        let mut request = Request::new(());
        request.headers_mut().insert("x-correlation-id", HeaderValue::from_static("c-1"));
        let response = service.call(request).await.expect("an answer");
        let mut body = Box::pin(response.into_body());
        let read = body.as_mut().poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(matches!(read, Poll::Ready(None)));
        drop(body);
        let expected = EventContext::new().correlation_id("c-1");
        assert_eq!(
            *echo.0.lock().expect("no panic"),
            [(); 4].map(|()| expected.clone()),
            "called, awaited, read, dropped"
        );
        assert_eq!(EventContext::current(), EventContext::new());
    }

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_context_is_filled_from_the_headers_that_are_trusted() {
        let headers = [
            ("x-request-id", "r-1"),
            ("user-agent", "curl/8"),
            ("traceparent", TRACE),
            ("x-user-id", "mallory"),
            ("x-authenticated-user", "alice"),
            ("x-forwarded-for", "192.0.2.1:5678, 10.0.0.1"),
        ];
        let layer = EventContextLayer::new()
            .user_id_header(HeaderName::from_static("x-authenticated-user"))
            .source_ip_header(HeaderName::from_static("x-forwarded-for"));
        let expected = EventContext::new()
            .correlation_id("r-1")
            .request_id("r-1")
            .user_agent("curl/8")
            .incoming_trace(TRACE, None)
            .user_id("alice")
            .source_ip("192.0.2.1");
        assert_eq!(seen(&layer, &headers), expected);
    }

    fn seen(layer: &EventContextLayer, headers: &[(&str, &str)]) -> EventContext {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            map.append(HeaderName::try_from(*name).expect("a name"), value);
        }
        layer.context(&map)
    }

    /// A layer that makes nothing of its own.
    fn reading() -> EventContextLayer {
        EventContextLayer::new().make_correlation_ids(false)
    }

    #[tokio::test]
    async fn a_request_without_an_id_gets_one_of_its_own() {
        let layer = EventContextLayer::new();
        let (first, second) = (seen(&layer, &[]), seen(&layer, &[]));
        assert!(first.has_correlation_id() && second.has_correlation_id());
        assert_ne!(first, second);
        assert_eq!(seen(&reading(), &[]), EventContext::new());
        let outer = EventContext::new().correlation_id("c-1");
        assert_eq!(outer.scope(async { seen(&layer, &[]) }).await, EventContext::new(), "the one around it goes on");
    }

    #[test]
    fn a_value_beyond_ascii_is_not_lost() {
        let layer = reading().user_id_header(HeaderName::from_static("x-user"));
        assert_eq!(seen(&layer, &[("x-user", "zoë-漢")]), EventContext::new().user_id("zoë-漢"));
        let mut latin = HeaderMap::new();
        latin.insert("x-user", HeaderValue::from_bytes(b"zo\xeb").expect("a value"));
        assert_eq!(layer.context(&latin), EventContext::new().user_id("zoë"));
        latin.insert("x-user", HeaderValue::from_bytes(b"zo\xeb\x9b31m").expect("a value"));
        assert_eq!(layer.context(&latin), EventContext::new(), "a control character");
        let agent = "ë".repeat(300);
        let cut = EventContext::new().user_agent("ë".repeat(256));
        assert_eq!(seen(&layer, &[("user-agent", &agent)]), cut);
        assert_eq!(
            seen(&layer, &[("user-agent", &format!("x{agent}"))]),
            EventContext::new().user_agent(format!("x{}", "ë".repeat(255)))
        );
    }

    #[test]
    fn a_client_cannot_make_an_event_large() {
        let huge = "\"".repeat(100_000);
        let names = ["x-correlation-id", "x-request-id", "x-causation-id", "user-agent", "traceparent", "tracestate"];
        let mut headers: Vec<_> = names.into_iter().map(|name| (name, huge.as_str())).collect();
        headers.push(("x-authenticated-user", &huge));
        headers.push(("x-forwarded-for", &huge));
        let layer = reading()
            .user_id_header(HeaderName::from_static("x-authenticated-user"))
            .source_ip_header(HeaderName::from_static("x-forwarded-for"));
        assert_eq!(seen(&layer, &headers), EventContext::new().user_agent("\"".repeat(512)));
    }

    #[test]
    fn a_client_cannot_speak_for_the_proxy() {
        let layer = reading()
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
    fn a_trace_is_believed_where_it_comes_once() {
        let twice = [("traceparent", TRACE), ("traceparent", TRACE), ("tracestate", "a=1")];
        assert_eq!(seen(&reading(), &twice), EventContext::new());
        assert_eq!(seen(&reading(), &twice[2..]), EventContext::new(), "a state without its parent");
        let padded = format!(" \t{TRACE}\t ");
        assert_eq!(seen(&reading(), &[("traceparent", &padded)]), EventContext::new().incoming_trace(TRACE, None));
    }

    #[test]
    fn a_trace_state_may_come_in_parts() {
        let headers = [("traceparent", TRACE), ("tracestate", "a=1"), ("tracestate", ""), ("tracestate", "b=2")];
        let expected = EventContext::new().incoming_trace(TRACE, Some("a=1,b=2".to_owned()));
        assert_eq!(seen(&reading(), &headers), expected);
        let broken = [("traceparent", TRACE), ("tracestate", "a=1"), ("tracestate", "ë=2")];
        assert_eq!(seen(&reading(), &broken), EventContext::new().incoming_trace(TRACE, None));
    }
}
