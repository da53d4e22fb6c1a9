//! The context of a request, through axum.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
    routing::get,
};
use marty_events::{EventContext, tower::EventContextLayer};
use tower_service::Service;

#[tokio::test]
async fn a_stream_is_in_the_context_of_its_request() {
    let stream = async || {
        let part =
            |number: usize| async move { Ok::<_, Infallible>(format!("{number} {:?}\n", EventContext::current())) };
        Body::from_stream(futures_util::stream::StreamExt::then(futures_util::stream::iter(0..3), part))
    };
    let mut app: Router = Router::new().route("/", get(stream)).layer(EventContextLayer::new());
    let request = Request::builder().header("x-correlation-id", "order-77").body(Body::empty()).unwrap();
    let answer = app.call(request).await.unwrap();
    let body = to_bytes(Body::new(answer.into_body()), usize::MAX).await.unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains("order-77")).count(), 3, "{text}");
}
