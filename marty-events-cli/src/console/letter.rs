//! The common parts of the pages about one dead letter.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use marty_events::outbox::DeadLetter;
use maud::{Markup, html};

use super::{
    page,
    text::{grouped, time},
    visit::Visit,
};
use crate::plain::plain;

/// The fields of a dead letter. Headers and payload are left out, since they may hold personal data.
pub(super) fn facts(dead: &DeadLetter) -> Markup {
    let event = &dead.event;
    html! {
        dl.facts {
            dt { "Event" } dd { code { (event.event_id) } }
            dt { "Type" } dd { bdi { (plain(&event.event_type)) } }
            dt { "Topic" } dd { code { (plain(&event.topic)) } }
            dt { "Key" } dd { @match &event.key { Some(key) => code { (plain(key)) }, None => "none" } }
            dt { "Ordering key" } dd { @match &event.ordering_key { Some(key) => code { (plain(key)) }, None => "none" } }
            dt { "Reason" } dd.reason { bdi { (plain(&dead.reason)) } }
            dt { "Attempts" } dd { (event.attempts) }
            dt { "Written" } dd { (time(event.created_at)) }
            dt { "Given up" } dd { (time(dead.died_at)) }
            @if let Some(problem) = &dead.problem { dt { "Problem" } dd.reason { bdi { (unread(problem)) } } }
            dt { "Payload" } dd { @if dead.redacted { "emptied" } @else { (grouped(event.payload_bytes)) " bytes" } }
        }
        @if dead.redacted { p.note { "Payload and headers were emptied, so this event cannot be requeued." } }
    }
}

pub(super) fn unread(problem: &str) -> String {
    format!("This event cannot be read: {}", plain(problem))
}

pub(super) fn gone(visit: &Visit) -> Response {
    let body = html! {
        p { "There is no dead letter with this id. It may have been requeued or discarded meanwhile." }
        p { a href={ (visit.base()) "/dead-letters" } { "To the dead letters" } }
    };
    (StatusCode::NOT_FOUND, page::page(visit, "Not found", None, &body)).into_response()
}
