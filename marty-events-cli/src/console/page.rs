//! The frame of all pages. The templates escape every text.

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

use super::{outbox::ShownOutbox, sessions::Session, state::Console, visit::Visit};

/// The path of signing out, which every page after the sign-in offers.
pub(super) const SIGN_OUT: &str = "/sign-out";

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) type Page = Html<String>;

/// A page about one outbox. The browser loads it again after `refresh` seconds.
pub(super) fn page(visit: &Visit, title: &str, refresh: Option<u32>, body: &Markup) -> Page {
    let outbox = &visit.outbox;
    let base = &outbox.base;
    let groups = outbox.watch.has_inbox().then_some(("/groups", "Consumer groups"));
    let places =
        [("", "Overview"), ("/waiting", "Waiting"), ("/dead-letters", "Dead letters"), ("/events", "Find an event")];
    let header = html! {
        (bar(&visit.console, &visit.session))
        div.outbox {
            (identity(outbox))
            nav aria-label="Pages" {
                @for (path, name) in places.into_iter().chain(groups) {
                    a href=(if base.is_empty() && path.is_empty() { "/".to_owned() } else { format!("{base}{path}") })
                        aria-current=[(name == title).then_some("page")] { (name) }
                }
            }
        }
    };
    let whose = if outbox.name.is_empty() { title.to_owned() } else { format!("{title} · {}", outbox.name) };
    whole(Frame { title, tab: &in_environment(&visit.console, &whose), refresh }, &header, body)
}

/// A page about the whole console.
pub(super) fn fleet(console: &Console, session: &Session, title: &str, refresh: Option<u32>, body: &Markup) -> Page {
    whole(Frame { title, tab: &in_environment(console, title), refresh }, &bar(console, session), body)
}

/// A page without the navigation, for everybody.
pub(super) fn bare(title: &str, body: &Markup) -> Page {
    whole(Frame { title, tab: title, refresh: None }, &html! {}, body)
}

pub(super) fn message(title: &str, says: &str) -> Page {
    bare(title, &html! { p { (says) } p { a href="/" { "To the overview" } } })
}

pub(super) fn waiting(title: &str, says: &str, refresh: u32) -> Page {
    let body = html! { p role="status" { (says) } p { "This page tries again every " (refresh) " s." } };
    whole(Frame { title, tab: title, refresh: Some(refresh) }, &html! {}, &body)
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

/// The bar at the top: product, environment, and the way out.
fn bar(console: &Console, session: &Session) -> Markup {
    html! {
        div.bar {
            a.brand href="/" { "marty-events" }
            @if let Some(title) = &console.title { span.environment { (title) } }
            @if console.is_read_only { span.mode { "read-only" } }
            span.version { "version " (VERSION) }
            @if console.token.is_some() {
                form method="post" action=(SIGN_OUT) {
                    (form_token(session))
                    button type="submit" { "Sign out" }
                }
            }
        }
    }
}

fn identity(outbox: &ShownOutbox) -> Markup {
    html! {
        p.identity {
            @if !outbox.name.is_empty() { strong { (outbox.name) } " " }
            span { (outbox.place) } " " span { "table " code { (outbox.table) } }
        }
    }
}

fn in_environment(console: &Console, title: &str) -> String {
    console.title.as_ref().map_or_else(|| title.to_owned(), |environment| format!("{title} · {environment}"))
}

struct Frame<'a> {
    title: &'a str,
    /// The title of the browser's tab.
    tab: &'a str,
    refresh: Option<u32>,
}

fn whole(Frame { title, tab, refresh }: Frame<'_>, header: &Markup, body: &Markup) -> Page {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
                title { (tab) " · marty-events" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header { (header) }
                main {
                    h1 { (title) }
                    (body)
                }
            }
        }
    };
    Html(page.into_string())
}
