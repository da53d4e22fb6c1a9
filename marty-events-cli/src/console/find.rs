//! The page for one event: it is looked for by its id or its key, in every place.

use axum::extract::Query;
use marty_events::outbox::{EventPlace, FoundEvent};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    failure::{Failure, within},
    letter::unread,
    page::{self, Page},
    text::{grouped, time},
    visit::Visit,
};
use crate::plain::plain;

/// Events of a key in each place.
const MOST: u32 = 25;

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    q: String,
}

pub(super) async fn show(visit: Visit, Query(sought): Query<Sought>) -> Result<Page, Failure> {
    let text = sought.q.trim();
    let mut found = Vec::new();
    if let Ok(id) = text.parse::<Uuid>() {
        found = within(visit.repository().find(id)).await?;
    }
    // A key may look like an id.
    if found.is_empty() && !text.is_empty() {
        found = within(visit.repository().find_by_key(text, MOST)).await?;
    }
    let base = visit.base();
    let body = html! {
        form.search method="get" action={ (base) "/events" } role="search" {
            label for="q" { "Id or key" }
            input #q name="q" value=(text) autocomplete="off" spellcheck="false";
            button type="submit" { "Find" }
        }
        @if text.is_empty() {
            p { "The event's id, its key or its ordering key, as a whole. Headers and payloads are not searched." }
        } @else if found.is_empty() {
            p role="status" {
                "No event with this id or key waits, is dead, or is kept. A delivered event leaves no row, unless the relay keeps \
                 delivered events."
            }
        } @else {
            @for found in &found { (card(base, found)) }
            @if MOST as usize <= found.len() { p.note { "At most " (MOST) " events of each place are shown, the oldest first." } }
        }
    };
    Ok(page::page(&visit, "Find an event", None, &body))
}

fn card(base: &str, found: &FoundEvent) -> Markup {
    let event = &found.event;
    let (class, word, since) = match found.place {
        EventPlace::Waiting => ("waiting", "Waiting", "Waiting since"),
        EventPlace::Dead => ("failing", "Dead", "Given up"),
        EventPlace::Delivered => ("fine", "Delivered", "Delivered"),
        _ => ("", "Elsewhere", "Since"),
    };
    html! {
        section.event {
            h2 { strong class={ "state " (class) } { (word) } " " bdi { (plain(&event.event_type)) } }
            dl.facts {
                dt { "Event" } dd { code { (event.event_id) } }
                dt { (since) } dd { (time(found.since)) }
                @if found.place != EventPlace::Waiting { dt { "Written" } dd { (time(event.created_at)) } }
                dt { "Topic" } dd { code { (plain(&event.topic)) } }
                dt { "Key" } dd { @match &event.key { Some(key) => code { (plain(key)) }, None => "none" } }
                dt { "Ordering key" } dd { @match &event.ordering_key { Some(key) => code { (plain(key)) }, None => "none" } }
                dt { "Lane" } dd { (event.lane) }
                dt { "Refusals" } dd { (event.attempts) }
                @if let Some(reason) = &found.reason { dt { "Reason" } dd.reason { bdi { (plain(reason)) } } }
                @if let Some(problem) = &found.problem { dt { "Problem" } dd.reason { bdi { (unread(problem)) } } }
                dt { "Payload" } dd { @if found.redacted { "emptied" } @else { (grouped(event.payload_bytes)) " bytes" } }
            }
            @if found.place == EventPlace::Dead {
                p { a href={ (base) "/dead-letters/" (event.event_id) } { "To the dead letter" } }
            }
        }
    }
}
