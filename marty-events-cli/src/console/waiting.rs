//! The events that wait: their keys, the oldest first, and a list in pages.

use axum::extract::Query;
use marty_events::outbox::{FoundEvent, WaitingKey};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    failure::{Failure, within},
    letter::unread,
    page::{self, Page},
    text::{address, counted, grouped, time},
    visit::Visit,
};
use crate::plain::plain;

/// Events a page.
const PAGE: u32 = 25;
/// Keys a page.
const KEYS: u32 = 50;
/// The oldest events whose keys are shown. A blocked key has old events, and a long backlog is not read whole.
const AMONG: u32 = 10_000;

#[derive(Deserialize)]
pub(super) struct Place {
    /// The number of the last event of the page before.
    after: Option<i64>,
}

pub(super) async fn show(visit: Visit, Query(place): Query<Place>) -> Result<Page, Failure> {
    let is_first = place.after.is_none();
    let repository = visit.repository();
    let keys = if is_first { within(repository.waiting_keys(AMONG, KEYS)).await? } else { Vec::new() };
    // One more than a page holds shows that there is another page.
    let mut found = within(repository.waiting_after(place.after.unwrap_or(i64::MIN), PAGE + 1)).await?;
    let is_last = found.len() <= PAGE as usize;
    found.truncate(PAGE as usize);
    let base = visit.base();
    let body = html! {
        @if found.is_empty() {
            p { @if is_first { "No event waits." } @else { "No more events wait." } }
        } @else {
            @if is_first { (keys_table(base, &keys)) }
            h2 { "Events, the oldest first" }
            (events(base, &found))
        }
        nav.pages aria-label="More events" {
            @if !is_first { a href={ (base) "/waiting" } { "First page" } }
            @if let Some(last) = found.last().filter(|_| !is_last) {
                a rel="next" href={ (base) "/waiting?after=" (last.event.seq) } { "Next page" }
            }
        }
    };
    Ok(page::page(&visit, "Waiting", None, &body))
}

fn keys_table(base: &str, keys: &[WaitingKey]) -> Markup {
    let seen: u64 = keys.iter().map(|key| key.events).sum();
    html! {
        h2 { "By key and topic" }
        p.note {
            @if u64::from(AMONG) <= seen { "Only the oldest " (grouped(AMONG.into())) " events are counted here. " }
            @if keys.len() == KEYS as usize { "Only the first " (KEYS) " keys are shown." }
        }
        div.wide tabindex="0" role="region" aria-label="Waiting keys" {
            table {
                thead { tr {
                    th scope="col" { "Ordering key and topic" } th.number scope="col" { "Events" }
                    th scope="col" { "Oldest written" } th scope="col" { "Why it waits" }
                } }
                tbody { @for key in keys { tr {
                    th scope="row" data-label="Key and topic" {
                        @match &key.ordering_key {
                            Some(name) => { a href=(address(&format!("{base}/events"), [("q", name.as_str())])) { code { (plain(name)) } } }
                            None => { "without an order" }
                        }
                        br; code { (plain(&key.topic)) }
                    }
                    td.number data-label="Events" { (grouped(key.events)) }
                    td data-label="Oldest written" { (time(key.oldest_at)) }
                    td.reason data-label="Why it waits" { div { (why(key)) } }
                } } }
            }
        }
    }
}

/// The reason by which a key waits, as far as its rows tell.
fn why(key: &WaitingKey) -> Markup {
    html! {
        @if 0 < key.attempts {
            strong.blocked { @if key.ordering_key.is_some() { "Blocked" } @else { "Refused" } }
            " The broker refused an event " (counted(key.attempts, "time")) ": "
            bdi { (plain(key.last_error.as_deref().unwrap_or("no reason is kept"))) }
        }
        @if 0 < key.unreadable {
            strong.blocked { "Blocked" }
            " A newer version wrote " (counted(key.unreadable, "event")) ". A relay of that version delivers them."
        }
        @if key.attempts == 0 && key.unreadable == 0 { "for its turn" }
    }
}

fn events(base: &str, found: &[FoundEvent]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Waiting events" {
            table {
                thead { tr {
                    th scope="col" { "Event" } th scope="col" { "Topic and key" } th scope="col" { "Written" }
                    th.number scope="col" { "Refusals" } th.number scope="col" { "Bytes" }
                } }
                tbody { @for found in found { tr {
                    th scope="row" data-label="Event" {
                        a href={ (base) "/events?q=" (found.event.event_id) } { code { (found.event.event_id) } }
                        br; bdi { (plain(&found.event.event_type)) }
                    }
                    td.topic data-label="Topic and key" {
                        code { (plain(&found.event.topic)) }
                        @if let Some(key) = &found.event.key { br; code { (plain(key)) } }
                        @if let Some(problem) = &found.problem { br; bdi { (unread(problem)) } }
                    }
                    td data-label="Written" { (time(found.event.created_at)) }
                    td.number data-label="Refusals" { (found.event.attempts) }
                    td.number data-label="Bytes" { (grouped(found.event.payload_bytes)) }
                } } }
            }
        }
    }
}
