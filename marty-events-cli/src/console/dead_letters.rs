//! The dead letters: their groups, a list in pages, a page for each, and a page for its payload.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use marty_events::outbox::{DeadLetter, DeadLetterGroup, DeadLetterPlace};
use maud::{Markup, html};
use uuid::Uuid;

use super::{
    bulk, changes,
    failure::{Failure, within},
    letter::{facts, gone, unread},
    page,
    selection::{Filter, Selection},
    state::Console,
    text::{address, grouped, time},
    visit::Visit,
};
use crate::plain::{block, plain};

/// Dead letters a page.
const PAGE: u32 = 25;
/// Groups on the first page.
const GROUPS: u32 = 50;

pub(super) fn routes(is_read_only: bool) -> Router<Arc<Console>> {
    let routes = Router::new()
        .route("/dead-letters", get(list))
        .route("/dead-letters/{id}", get(one))
        .route("/dead-letters/{id}/payload", get(payload));
    let refused = || get(changes::refuse).post(changes::refuse);
    let (one, many) = if is_read_only { (refused(), refused()) } else { (changes::route(), bulk::route()) };
    let routes = routes.route("/dead-letters/{id}/{change}", one);
    routes.route("/dead-letters/selected/{change}", many.clone()).route("/dead-letters/matching/{change}", many)
}

async fn list(visit: Visit, Query(pairs): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let after = pairs.iter().find(|(name, _)| name == "after").map(|(_, place)| place.parse::<DeadLetterPlace>());
    let Ok(after) = after.transpose() else {
        let says = page::message("Not found", "This address has no place among the dead letters.");
        return Ok((StatusCode::BAD_REQUEST, says).into_response());
    };
    let filter = Filter::read(&pairs);
    let is_checked = pairs.iter().any(|(name, _)| name == "all");
    let repository = visit.repository();
    // One more than a page holds shows that there is another page.
    let mut query = filter.query(PAGE + 1);
    if let Some(last) = after {
        query = query.after(last);
    }
    let mut found = within(repository.dead_letters(query)).await?;
    let is_first = after.is_none();
    let groups = if is_first { within(repository.dead_letter_groups(filter.query(GROUPS))).await? } else { Vec::new() };
    let is_last = found.len() <= PAGE as usize;
    found.truncate(PAGE as usize);
    let base = visit.base();
    let path = format!("{base}/dead-letters");
    let body = html! {
        @if is_first && (!found.is_empty() || !filter.is_empty()) { (filters(&path, &filter)) }
        @if found.is_empty() {
            p {
                @if !is_first { "There are no more dead letters." }
                @else if filter.is_empty() { "There are no dead letters." }
                @else { "No dead letter matches." }
            }
        } @else {
            @if is_first { (groups_table(&visit, &filter, &groups)) }
            (letters(&visit, &filter, &found, is_checked))
        }
        nav.pages aria-label="More dead letters" {
            @if !is_first { a href=(address(&path, filter.pairs())) { "First page" } }
            @if let Some(last) = found.last().filter(|_| !is_last) {
                @let place = last.place().to_string();
                a rel="next" href=(address(&path, [("after", place.as_str())].into_iter().chain(filter.pairs()))) { "Next page" }
            }
        }
    };
    Ok(page::page(&visit, "Dead letters", None, &body).into_response())
}

fn filters(path: &str, filter: &Filter) -> Markup {
    let fields =
        [("topic", "Topic", &filter.topic), ("type", "Type", &filter.event_type), ("reason", "Reason", &filter.reason)];
    html! {
        form.filters method="get" action=(path) role="search" {
            @for (name, label, value) in fields {
                span { label for=(name) { (label) } input id=(name) name=(name) value=(value) autocomplete="off" spellcheck="false"; }
            }
            button type="submit" { "Filter" }
            @if !filter.is_empty() { a href=(path) { "Show all" } }
        }
    }
}

fn groups_table(visit: &Visit, filter: &Filter, groups: &[DeadLetterGroup]) -> Markup {
    let path = format!("{}/dead-letters", visit.base());
    let is_changeable = !visit.console.is_read_only;
    html! {
        h2 { "By reason, topic and type" }
        @if groups.len() == GROUPS as usize { p.note { "Only the " (GROUPS) " largest groups are shown." } }
        div.wide tabindex="0" role="region" aria-label="Groups of dead letters" {
            table {
                thead { tr {
                    th scope="col" { "Reason" } th scope="col" { "Topic and type" } th.number scope="col" { "Letters" }
                    th scope="col" { "Given up last" }
                    @if is_changeable { th scope="col" { "All of the group" } }
                } }
                tbody { @for group in groups {
                    @let own = filter_of(group);
                    tr {
                        th.reason scope="row" data-label="Reason" {
                            @if own == *filter { bdi { (plain(&group.reason)) } }
                            @else { a href=(address(&path, own.pairs())) { bdi { (plain(&group.reason)) } } }
                        }
                        td.topic data-label="Topic and type" { code { (plain(&group.topic)) } br; bdi { (plain(&group.event_type)) } }
                        td.number data-label="Letters" {
                            (grouped(group.letters))
                            @if 0 < group.redacted { br; small { (grouped(group.redacted)) " emptied" } }
                        }
                        td data-label="Given up last" { (time(group.last_died_at)) }
                        @if is_changeable { td data-label="All of the group" { (group_actions(visit.base(), group, own)) } }
                    }
                } }
            }
        }
    }
}

/// The changes of a whole group. An empty text selects everything in a filter, so a group that has one is changed by its letters.
fn group_actions(base: &str, group: &DeadLetterGroup, own: Filter) -> Markup {
    if own.pairs().count() < 3 {
        return html! { "select its letters below" };
    }
    let whole = Selection::Matching(own);
    let requeueable = group.letters - group.redacted;
    html! {
        @if 0 < requeueable {
            a href=(whole.address(base, "requeue")) { "Requeue " (grouped(requeueable)) " …" }
            br;
        }
        a.danger href=(whole.address(base, "discard")) { "Discard " (grouped(group.letters)) " …" }
    }
}

fn filter_of(group: &DeadLetterGroup) -> Filter {
    Filter { topic: group.topic.clone(), event_type: group.event_type.clone(), reason: group.reason.clone() }
}

/// The letters of a page. A form of checkboxes leads to the question about those that are selected.
fn letters(visit: &Visit, filter: &Filter, found: &[DeadLetter], is_checked: bool) -> Markup {
    let (base, is_changeable) = (visit.base(), !visit.console.is_read_only);
    let path = format!("{base}/dead-letters");
    let selected = format!("{path}/selected");
    html! {
        h2 { "Letters, the oldest first" }
        form method="get" action={ (selected) "/requeue" } {
            @if is_changeable {
                div.toolbar {
                    @if is_checked { a href=(address(&path, filter.pairs())) { "Select none" } }
                    @else { a href=(address(&path, filter.pairs().chain([("all", "1")]))) { "Select all of this page" } }
                    @if found.iter().any(|dead| !dead.redacted) { button type="submit" { "Requeue selected …" } }
                    button.danger type="submit" formaction={ (selected) "/discard" } { "Discard selected …" }
                }
            }
            div.wide tabindex="0" role="region" aria-label="Dead letters" {
                table {
                    thead { tr {
                        @if is_changeable { th scope="col" { span.unseen { "Selected" } } }
                        th scope="col" { "Event" } th scope="col" { "Topic and key" } th scope="col" { "Reason" }
                        th.number scope="col" { "Attempts" } th scope="col" { "Given up" }
                    } }
                    tbody { @for dead in found { (letter(base, dead, is_changeable.then_some(is_checked))) } }
                }
            }
        }
    }
}

fn letter(base: &str, dead: &DeadLetter, is_checked: Option<bool>) -> Markup {
    let event = &dead.event;
    html! {
        tr {
            @if let Some(is_checked) = is_checked {
                td data-label="Selected" {
                    input type="checkbox" name="id" value=(event.event_id) checked[is_checked] aria-label={ "Select " (event.event_id) };
                }
            }
            th scope="row" data-label="Event" {
                a href={ (base) "/dead-letters/" (event.event_id) } { code { (event.event_id) } }
                br; bdi { (plain(&event.event_type)) }
                @if dead.redacted { br; small { "emptied" } }
            }
            td.topic data-label="Topic and key" { code { (plain(&event.topic)) } @if let Some(key) = &event.key { br; code { (plain(key)) } } }
            td.reason data-label="Reason" {
                bdi { (plain(&dead.reason)) } @if let Some(problem) = &dead.problem { br; bdi { (unread(problem)) } }
            }
            td.number data-label="Attempts" { (event.attempts) }
            td data-label="Given up" { (time(dead.died_at)) }
        }
    }
}

async fn one(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let Some(dead) = within(visit.repository().dead_letter(id)).await? else { return Ok(gone(&visit)) };
    let base = visit.base();
    let body = html! {
        (facts(&dead))
        ul.actions {
            @if !dead.redacted { li { a href={ (base) "/dead-letters/" (id) "/payload" } { "Show the payload" } } }
            @if !visit.console.is_read_only {
                @if !dead.redacted { li { a href={ (base) "/dead-letters/" (id) "/requeue" } { "Requeue …" } } }
                li { a.danger href={ (base) "/dead-letters/" (id) "/discard" } { "Discard …" } }
            }
        }
    };
    Ok(page::page(&visit, "Dead letter", None, &body).into_response())
}

async fn payload(
    visit: Visit,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(id): Path<Uuid>,
) -> Result<Response, Failure> {
    let Some(dead) = within(visit.repository().dead_letter(id)).await? else { return Ok(gone(&visit)) };
    let outbox = &visit.outbox.name;
    tracing::info!(event_id = %id, outbox, session = %visit.session.name, %peer, "showed the payload of a dead letter");
    let event = &dead.event;
    let text = String::from_utf8_lossy(&event.payload);
    let body = html! {
        p { "Event " a href={ (visit.base()) "/dead-letters/" (id) } { code { (id) } } }
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
    Ok(page::page(&visit, "Payload", None, &body).into_response())
}
