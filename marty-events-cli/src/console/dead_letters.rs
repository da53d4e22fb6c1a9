//! The dead letters: a list in pages, a page for each, and a page for its payload.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    extract::{ConnectInfo, Path, Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use marty_events::outbox::{DeadLetter, DeadLetterPlace, DeadLetterQuery};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    changes,
    failure::{Failure, within},
    letter::{facts, gone, unread},
    page::{self, Page},
    sessions::Session,
    state::Console,
};
use crate::plain::{block, plain};

/// Dead letters a page.
const PAGE: u32 = 25;

pub(super) fn routes(is_read_only: bool) -> Router<Arc<Console>> {
    let routes = Router::new()
        .route("/dead-letters", get(list))
        .route("/dead-letters/{id}", get(one))
        .route("/dead-letters/{id}/payload", get(payload));
    let change = if is_read_only { get(changes::refuse).post(changes::refuse) } else { changes::route() };
    routes.route("/dead-letters/{id}/{change}", change)
}

#[derive(Deserialize)]
struct Place {
    /// The last dead letter of the page before.
    after: Option<DeadLetterPlace>,
}

async fn list(
    State(console): State<Arc<Console>>,
    Extension(session): Extension<Session>,
    Query(place): Query<Place>,
) -> Result<Page, Failure> {
    let is_first = place.after.is_none();
    // One more than a page holds shows that there is another page.
    let mut query = DeadLetterQuery::from(PAGE + 1).without_payload();
    if let Some(last) = place.after {
        query = query.after(last);
    }
    let mut found = within(console.repository.dead_letters(query)).await?;
    let is_last = found.len() <= PAGE as usize;
    found.truncate(PAGE as usize);
    let body = html! {
        @if found.is_empty() {
            p { @if is_first { "There are no dead letters." } @else { "There are no more dead letters." } }
        } @else {
            (table(&found))
        }
        nav.pages aria-label="More dead letters" {
            @if !is_first { a href="/dead-letters" { "First page" } }
            @if let Some(last) = found.last().filter(|_| !is_last) {
                a rel="next" href={ "/dead-letters?after=" (last.place()) } { "Next page" }
            }
        }
    };
    Ok(page::page(&console, &session, "Dead letters", None, &body))
}

fn table(found: &[DeadLetter]) -> Markup {
    html! {
        p { "Events that the broker refused for good, the oldest first. Each has a page of its own to requeue or discard it." }
        div.wide tabindex="0" role="region" aria-label="Dead letters" {
            table {
                thead { tr {
                    th scope="col" { "Event" } th scope="col" { "Topic and key" } th scope="col" { "Reason" }
                    th scope="col" { "Attempts" } th scope="col" { "Given up" } th scope="col" { "Written" }
                } }
                tbody { @for dead in found { tr {
                    th scope="row" {
                        a href={ "/dead-letters/" (dead.event.event_id) } { code { (dead.event.event_id) } }
                        br; bdi { (plain(&dead.event.event_type)) }
                    }
                    td { code { (plain(&dead.event.topic)) } @if let Some(key) = &dead.event.key { br; code { (plain(key)) } } }
                    td.reason { bdi { (plain(&dead.reason)) } @if let Some(problem) = &dead.problem { br; bdi { (unread(problem)) } } }
                    td { (dead.event.attempts) }
                    td { (page::time(dead.died_at)) }
                    td { (page::time(dead.event.created_at)) }
                } } }
            }
        }
    }
}

async fn one(
    State(console): State<Arc<Console>>,
    Extension(session): Extension<Session>,
    Path(id): Path<Uuid>,
) -> Result<Response, Failure> {
    let Some(dead) = within(console.repository.dead_letter(id)).await? else { return Ok(gone(&console, &session)) };
    let body = html! {
        (facts(&dead))
        ul.actions {
            li { a href={ "/dead-letters/" (id) "/payload" } { "Show the payload" } }
            @if !console.is_read_only {
                li { a href={ "/dead-letters/" (id) "/requeue" } { "Requeue …" } }
                li { a href={ "/dead-letters/" (id) "/discard" } { "Discard …" } }
            }
        }
    };
    Ok(page::page(&console, &session, "Dead letter", None, &body).into_response())
}

async fn payload(
    State(console): State<Arc<Console>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(session): Extension<Session>,
    Path(id): Path<Uuid>,
) -> Result<Response, Failure> {
    let Some(dead) = within(console.repository.dead_letter(id)).await? else { return Ok(gone(&console, &session)) };
    tracing::info!(event_id = %id, session = %session.name, %peer, "showed the payload of a dead letter");
    let event = &dead.event;
    let text = String::from_utf8_lossy(&event.payload);
    let body = html! {
        p { "Event " a href={ "/dead-letters/" (id) } { code { (id) } } }
        h2 { "Headers" }
        @if let Some(problem) = &dead.problem { p.note { bdi { (unread(problem)) } } }
        @else if event.headers.is_empty() { p { "none" } } @else {
            dl.facts { @for (name, value) in &event.headers { dt { code { (plain(name)) } } dd { code { (plain(value)) } } } }
        }
        h2 { "Payload" }
        @match &text {
            text if text.is_empty() => p { "The payload is empty." },
            std::borrow::Cow::Owned(_) => p.note { "The payload is not UTF-8. Each invalid byte is replaced by �." },
            std::borrow::Cow::Borrowed(_) => {},
        }
        pre tabindex="0" role="region" aria-label="Payload" { code { (block(&text)) } }
    };
    Ok(page::page(&console, &session, "Payload", None, &body).into_response())
}
