//! The consumer groups of the database's inbox: a list, a page for each group, and one for each parked key.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use marty_events::{
    EventError,
    inbox::{InboxGroup, ParkedEvent, ParkedKey},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    failure::{Failure, within},
    letters::Letters,
    page,
    state::Console,
    text::{duration, encoded, grouped, time},
    visit::Visit,
};
use crate::plain::plain;

/// Keys of a group on its page.
const KEYS: u32 = 50;
/// Events of a key on its page.
const EVENTS: u32 = 100;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/groups", get(list))
        .route("/groups/{group}", get(one))
        .route("/groups/{group}/keys/{first}", get(key))
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let Some(groups) = groups(&visit).await? else {
        return Ok(missing(&visit, "This database has no inbox, so no group of consumers keeps its events there."));
    };
    let body = html! {
        @if groups.is_empty() { p { "No group has taken an event yet." } } @else { (table(visit.base(), &groups)) }
    };
    Ok(page::page(&visit, "Consumer groups", None, &body).into_response())
}

/// The groups of the inbox; `None` where there is no inbox.
async fn groups(visit: &Visit) -> Result<Option<Vec<InboxGroup>>, Failure> {
    let found = match within(visit.outbox.inbox.groups()).await {
        Ok(groups) => Some(groups),
        Err(Failure::Outbox(EventError::InboxTableMissing { .. })) => None,
        Err(failure) => return Err(failure),
    };
    visit.outbox.watch.has_seen_inbox(found.is_some());
    Ok(found)
}

/// The groups with their counts. The overview shows them too.
pub(super) fn table(base: &str, groups: &[InboxGroup]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Consumer groups" {
            table {
                thead { tr {
                    th scope="col" { "Group" } th.number scope="col" { "Parked keys" } th.number scope="col" { "Events that wait" }
                    th scope="col" { "Oldest has waited" } th scope="col" { "Next try" } th.number scope="col" { "Dead letters" }
                } }
                tbody { @for group in groups { tr {
                    th scope="row" data-label="Group" {
                        a href={ (base) "/groups/" (encoded(&group.group)) } { bdi { (plain(&group.group)) } }
                    }
                    td.number data-label="Parked keys" { (grouped(group.stats.parked_keys)) }
                    td.number data-label="Events that wait" { (grouped(group.stats.parked)) }
                    td data-label="Oldest has waited" { (waited(group)) }
                    td data-label="Next try" { (next_try(group.due_at)) }
                    td.number data-label="Dead letters" {
                        a.danger[0 < group.stats.dead_letters] href=(Letters::path_of_group(base, &group.group)) {
                            (grouped(group.stats.dead_letters))
                        }
                    }
                } } }
            }
        }
    }
}

fn waited(group: &InboxGroup) -> Markup {
    html! { (group.stats.oldest_parked.map_or_else(|| "–".to_owned(), |since| duration(age(since)))) }
}

/// The time since then, by this machine's clock. A database whose clock is ahead makes it 0.
fn age(since: Timestamp) -> Duration {
    Timestamp::now().duration_since(since).try_into().unwrap_or_default()
}

fn next_try(due_at: Option<Timestamp>) -> Markup {
    html! {
        @match due_at {
            None => { "–" }
            Some(due_at) if due_at <= Timestamp::now() => { "now" }
            Some(due_at) => { (time(due_at)) }
        }
    }
}

async fn one(visit: Visit, Path(name): Path<String>) -> Result<Response, Failure> {
    let found = groups(&visit).await?.unwrap_or_default().into_iter().find(|group| group.group == name);
    let Some(group) = found else {
        return Ok(missing(&visit, "No group with this name has taken an event."));
    };
    let keys = within(visit.outbox.inbox.parked_keys(&name, KEYS)).await?;
    let (base, stats) = (visit.base(), &group.stats);
    let body = html! {
        dl.figures {
            div { dt { "Parked keys" } dd #keys { (grouped(stats.parked_keys)) } }
            div { dt { "Events that wait" } dd #parked { (grouped(stats.parked)) } }
            div { dt { "Oldest has waited" } dd #oldest { (waited(&group)) } }
            div { dt { "Next try" } dd #next { (next_try(group.due_at)) } }
            div.bad[0 < stats.dead_letters] {
                dt { "Dead letters" }
                dd #dead { a href=(Letters::path_of_group(base, &name)) { (grouped(stats.dead_letters)) } }
            }
        }
        h2 { "Parked keys, longest first" }
        @if keys.is_empty() { p { "No key waits." } } @else { (keys_table(base, &name, &keys)) }
        p { a href={ (base) "/groups" } { "To the groups" } }
    };
    Ok(page::page(&visit, &format!("Group {}", plain(&name)), None, &body).into_response())
}

fn keys_table(base: &str, group: &str, keys: &[ParkedKey]) -> Markup {
    html! {
        @if keys.len() == KEYS as usize { p.note { "Only the first " (KEYS) " keys are shown." } }
        div.wide tabindex="0" role="region" aria-label="Parked keys" {
            table {
                thead { tr {
                    th scope="col" { "Key and topic" } th.number scope="col" { "Events that wait" } th scope="col" { "Since" }
                    th.number scope="col" { "Attempts" } th scope="col" { "Next try" } th scope="col" { "Why it waits" }
                } }
                tbody { @for key in keys { tr {
                    th scope="row" data-label="Key and topic" {
                        a href={ (base) "/groups/" (encoded(group)) "/keys/" (key.first) } { code { (plain(&key.key)) } }
                        br; code { (plain(&key.topic)) }
                    }
                    td.number data-label="Events that wait" { (grouped(key.waiting)) }
                    td data-label="Since" { (time(key.parked_at)) }
                    td.number data-label="Attempts" { (key.attempts) }
                    td data-label="Next try" { @if key.is_held { "after a decision" } @else { (next_try(key.due_at)) } }
                    td.reason data-label="Why it waits" { div { (why(base, group, key)) } }
                } } }
            }
        }
    }
}

fn why(base: &str, group: &str, key: &ParkedKey) -> Markup {
    html! {
        @if key.is_held {
            strong.blocked { "Held" } " A "
            a href={ (Letters::path_of_group(base, group)) "/" (key.first) } { "dead letter" } " holds the key: "
        }
        @match &key.reason { Some(reason) => bdi { (plain(reason)) }, None => { "for its turn" } }
    }
}

/// The part of a key's path that names it.
#[derive(Debug, Clone, Deserialize)]
struct KeyPath {
    group: String,
    /// The number of an event of the key.
    first: i64,
}

async fn key(visit: Visit, Path(KeyPath { group, first }): Path<KeyPath>) -> Result<Response, Failure> {
    let events = within(visit.outbox.inbox.parked_events(first, EVENTS)).await?;
    let path = format!("{}/groups/{}", visit.base(), encoded(&group));
    let Some(head) = events.first().filter(|event| event.group == group) else {
        return Ok(missing(
            &visit,
            "This key waits no longer: its events are handled, or are dead letters that do not hold it.",
        ));
    };
    let body = html! {
        dl.facts {
            dt { "Group" } dd { a href=(path) { bdi { (plain(&group)) } } }
            dt { "Topic" } dd { code { (plain(&head.topic)) } }
            dt { "Key" } dd { code { (plain(&head.key)) } }
        }
        h2 { "Events in their order" }
        @if events.len() == EVENTS as usize { p.note { "Only the first " (EVENTS) " events are shown." } }
        div.wide tabindex="0" role="region" aria-label="Events of the key" {
            table {
                thead { tr {
                    th scope="col" { "Event" } th scope="col" { "Partition and offset" } th scope="col" { "Parked" }
                    th.number scope="col" { "Attempts" } th scope="col" { "Next try" } th scope="col" { "Why it waits" }
                } }
                tbody { @for event in &events { (event_row(&path, event)) } }
            }
        }
    };
    Ok(page::page(&visit, "Parked key", None, &body).into_response())
}

fn event_row(path: &str, event: &ParkedEvent) -> Markup {
    html! {
        tr {
            th scope="row" data-label="Event" {
                @if event.is_held { a href={ (path) "/dead-letters/" (event.id) } { code { (plain(&event.event_id)) } } }
                @else { code { (plain(&event.event_id)) } }
                @if let Some(name) = &event.event_type { br; bdi { (plain(name)) } }
            }
            td data-label="Partition and offset" { (event.partition) ", " (event.offset) }
            td data-label="Parked" { (time(event.parked_at)) }
            td.number data-label="Attempts" { (event.attempts) }
            td data-label="Next try" { @if event.is_held { "after a decision" } @else { (next_try(event.due_at)) } }
            td.reason data-label="Why it waits" {
                @match &event.reason { Some(reason) => bdi { (plain(reason)) }, None => { "for the events before it" } }
            }
        }
    }
}

fn missing(visit: &Visit, says: &str) -> Response {
    let body = html! { p { (says) } p { a href={ (visit.base()) "/groups" } { "To the groups" } } };
    (StatusCode::NOT_FOUND, page::page(visit, "Not found", None, &body)).into_response()
}
