//! The admission of requests: each needs a session, and each change a form of its own session.

use std::{sync::Arc, time::Instant};

use axum::{
    body::{Body, to_bytes},
    extract::{Form, FromRequest, Request, State},
    http::{StatusCode, header::SET_COOKIE},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{page, sessions::Session, sign_in, state::Console};

/// The limit of a form in bytes. A form holds two tokens at the most.
const LONGEST_FORM: usize = 8 * 1024;

/// The field that every form has.
#[derive(Deserialize)]
struct Signed {
    form_token: String,
}

/// Finds the session or opens one, and hands it to the handlers as an extension. Without the token a browser reaches the
/// sign-in page alone. A change passes only with a form of the same session.
pub(super) async fn admit(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let now = Instant::now();
    let is_change = !request.method().is_safe();
    let is_sign_in = request.uri().path() == sign_in::PATH;
    let known = console.cookie.read(request.headers()).and_then(|id| console.sessions.find(id, now));
    let is_new = known.is_none();
    let session = match known {
        Some(session) => session,
        None if is_change => return out_of_date(),
        None if is_sign_in || console.token.is_none() => console.sessions.open(console.token.is_none(), now),
        None => return Redirect::to(sign_in::PATH).into_response(),
    };
    if !session.is_signed_in && !is_sign_in {
        return if is_change { out_of_date() } else { Redirect::to(sign_in::PATH).into_response() };
    }
    let mut request = if is_change {
        match formed_by(&session, request).await {
            Ok(request) => request,
            Err(refusal) => return refusal,
        }
    } else {
        request
    };
    let cookie = console.cookie.hold(session.id);
    request.extensions_mut().insert(session);
    let mut response = next.run(request).await;
    if is_new {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Returns the request if its form holds the form token of the session.
async fn formed_by(session: &Session, request: Request) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_FORM).await;
    let body = body.map_err(|_| {
        (StatusCode::PAYLOAD_TOO_LARGE, page::message("Refused", "The form is too long.")).into_response()
    })?;
    let copy = Request::from_parts(parts.clone(), Body::from(body.clone()));
    match Form::<Signed>::from_request(copy, &()).await {
        Ok(Form(signed)) if session.made(&signed.form_token) => Ok(Request::from_parts(parts, Body::from(body))),
        _ => Err(out_of_date()),
    }
}

fn out_of_date() -> Response {
    tracing::warn!("refused a form of another session");
    let says = "This form is out of date: its session is over. Load the page again.";
    (StatusCode::FORBIDDEN, page::message("Out of date", says)).into_response()
}
