//! Signing in with the token, and signing out.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    extract::{ConnectInfo, Form, State},
    http::{
        StatusCode,
        header::{RETRY_AFTER, SET_COOKIE},
    },
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::html;
use serde::Deserialize;

use super::{
    page::{self, Page},
    sessions::Session,
    state::Console,
};

pub(super) const PATH: &str = "/sign-in";

/// The pause before the answer to a wrong token.
const DELAY: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Shown {
    token: String,
}

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route(PATH, get(ask).post(judge)).route(page::SIGN_OUT, post(leave))
}

async fn ask(Extension(session): Extension<Session>) -> Response {
    if session.is_signed_in { Redirect::to("/").into_response() } else { form(&session, None).into_response() }
}

async fn judge(
    State(console): State<Arc<Console>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(session): Extension<Session>,
    Form(shown): Form<Shown>,
) -> Response {
    let Some(token) = &console.token else { return Redirect::to("/").into_response() };
    if let Err(wait) = console.attempts.begin(peer.ip(), Instant::now()) {
        tracing::warn!(%peer, "refused a token unread: too many were wrong");
        let wait = wait.as_secs() + 1;
        let says = format!("Too many wrong tokens. Try again in {wait} s.");
        let retry = [(RETRY_AFTER, wait.to_string())];
        return (StatusCode::TOO_MANY_REQUESTS, retry, form(&session, Some(&says))).into_response();
    }
    if !token.is(&shown.token) {
        tracing::warn!(%peer, "refused a wrong token");
        tokio::time::sleep(DELAY).await;
        return (StatusCode::FORBIDDEN, form(&session, Some("This is not the token."))).into_response();
    }
    console.attempts.succeed(peer.ip());
    // A new id takes the place of one that an attacker may have planted.
    console.sessions.close(session.id);
    let session = console.sessions.open(true, Instant::now());
    tracing::info!(session = %session.name, %peer, "signed in");
    ([(SET_COOKIE, console.cookie.hold(session.id))], Redirect::to("/")).into_response()
}

async fn leave(
    State(console): State<Arc<Console>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(session): Extension<Session>,
) -> Response {
    console.sessions.close(session.id);
    tracing::info!(session = %session.name, %peer, "signed out");
    ([(SET_COOKIE, console.cookie.forget())], Redirect::to(PATH)).into_response()
}

fn form(session: &Session, complaint: Option<&str>) -> Page {
    let body = html! {
        @if let Some(complaint) = complaint { p.warning role="alert" { (complaint) } }
        form method="post" action=(PATH) {
            (page::form_token(session))
            label for="token" { "Token" }
            input #token type="password" name="token" autocomplete="current-password" required autofocus;
            button type="submit" { "Sign in" }
        }
    };
    page::bare("Sign in", &body)
}
