//! The frame of all pages. The templates escape every text.

use std::time::Duration;

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use maud::{DOCTYPE, Markup, html};

use super::{sessions::Session, state::Console};

/// The path of signing out, which every page after the sign-in offers.
pub(super) const SIGN_OUT: &str = "/sign-out";

pub(super) type Page = Html<String>;

/// A page after the sign-in. The browser loads it again after `refresh` seconds.
pub(super) fn page(console: &Console, session: &Session, title: &str, refresh: Option<u32>, body: &Markup) -> Page {
    let header = html! {
        header {
            nav aria-label="Pages" {
                a href="/" { "Overview" }
                a href="/dead-letters" { "Dead letters" }
            }
            @if console.is_read_only { p.mode { "read-only" } }
            @if console.token.is_some() {
                form method="post" action=(SIGN_OUT) {
                    (form_token(session))
                    button type="submit" { "Sign out" }
                }
            }
        }
    };
    whole(title, refresh, &header, body)
}

/// A page without the navigation, for everybody.
pub(super) fn bare(title: &str, body: &Markup) -> Page {
    whole(title, None, &html! {}, body)
}

pub(super) fn message(title: &str, says: &str) -> Page {
    bare(title, &html! { p { (says) } p { a href="/" { "To the overview" } } })
}

pub(super) fn waiting(title: &str, says: &str, refresh: u32) -> Page {
    let body = html! { p role="status" { (says) } p { "This page tries again every " (refresh) " s." } };
    whole(title, Some(refresh), &html! {}, &body)
}

pub(super) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, message("Not found", "There is no such page.")).into_response()
}

pub(super) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}

/// The hidden field that ties a form to its session.
pub(super) fn form_token(session: &Session) -> Markup {
    html! { input type="hidden" name="form_token" value=(session.form_token); }
}

pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M:%S UTC")) } }
}

/// A duration in units that people read, to the second.
pub(super) fn duration(time: Duration) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}

fn whole(title: &str, refresh: Option<u32>, header: &Markup, body: &Markup) -> Page {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
                title { (title) " · marty-events" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                (header)
                main {
                    h1 { (title) }
                    (body)
                }
            }
        }
    };
    Html(page.into_string())
}
