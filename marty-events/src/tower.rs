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
//! Who acts, in which session and from which address is not taken from headers, which any client can set, unless a proxy
//! in front of the service sets them and [`EventContextLayer::user_id_header`] and its like name them.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderName, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::EventContext;

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
    source_ip: Option<HeaderName>,
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

    /// The header in which a trusted proxy gives the client's address; of a list, the first entry counts.
    #[must_use]
    pub fn source_ip_header(mut self, name: HeaderName) -> Self {
        self.source_ip = Some(name);
        self
    }

    fn context(&self, headers: &HeaderMap) -> EventContext {
        let text = |value: &http::HeaderValue| value.to_str().ok().filter(|text| !text.is_empty()).map(str::to_owned);
        let header = |name: &str| headers.get(name).and_then(text);
        let trusted = |name: &Option<HeaderName>| name.as_ref().and_then(|name| headers.get(name)).and_then(text);
        let mut context = EventContext::new();
        if let Some(id) = header("x-correlation-id").or_else(|| header("x-request-id")) {
            context = context.correlation_id(id);
        }
        if let Some(id) = header("x-causation-id") {
            context = context.causation_id(id);
        }
        if let Some(id) = header("x-request-id") {
            context = context.request_id(id);
        }
        if let Some(agent) = header("user-agent") {
            context = context.user_agent(agent);
        }
        if let Some(parent) = header("traceparent") {
            context = context.incoming_trace(parent, header("tracestate"));
        }
        if let Some(id) = trusted(&self.user_id) {
            context = context.user_id(id);
        }
        if let Some(id) = trusted(&self.session_id) {
            context = context.session_id(id);
        }
        if let Some(address) = trusted(&self.source_ip) {
            context = context.source_ip(address.split(',').next().unwrap_or_default().trim());
        }
        context
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
            .incoming_trace(trace.to_owned(), None)
            .user_id("alice")
            .source_ip("192.0.2.1");
        assert_eq!(seen, expected);
    }
}
