//! The first check of every request: its host, and for a change the page that it came from.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        StatusCode,
        header::{HOST, ORIGIN},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{page, state::Console};

/// Refuses requests to another host, and changes that do not come from the console's own pages.
pub(super) async fn guard(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let Some(host) = console.origins.host(&request) else {
        tracing::warn!(host = ?request.headers().get(HOST), "refused a request to another host");
        let says = "This console does not answer by that name. Use the address that it listens on, or start it with \
                    --public-url and the address of your proxy.";
        return (StatusCode::MISDIRECTED_REQUEST, page::message("Unknown host", says)).into_response();
    };
    if !request.method().is_safe() && !console.origins.is_own(request.headers(), &host) {
        let headers = request.headers();
        let (origin, site) = (headers.get(ORIGIN), headers.get("sec-fetch-site"));
        tracing::warn!(?origin, ?site, "refused a change that does not come from the console's own pages");
        let says = "Changes are accepted from the console's own pages alone.";
        return (StatusCode::FORBIDDEN, page::message("Refused", says)).into_response();
    }
    next.run(request).await
}
