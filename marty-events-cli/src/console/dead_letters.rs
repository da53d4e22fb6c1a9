//! The dead letters of the outbox or of a group: a list in pages, a page for each, and a page for its payload.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use maud::{Markup, html};

use super::{
    alike, bulk, changes,
    failure::{Failure, within},
    id::Named,
    letter::{Letter, unread},
    letters::Letters,
    page,
    selection::{Filter, Selection},
    state::Console,
    text::{address, encoded, grouped, time},
    visit::Visit,
};
use crate::plain::{block, plain};

/// Dead letters a page.
const PAGE: u32 = 25;

/// The pages below `/dead-letters`, and the same below the path of a group.
pub(super) fn routes(is_read_only: bool) -> Router<Arc<Console>> {
    let of = |path: &str| {
        let refused = || get(changes::refuse).post(changes::refuse);
        let (one, many) = if is_read_only { (refused(), refused()) } else { (changes::route(), bulk::route()) };
        Router::new()
            .route(path, get(list))
            .route(&format!("{path}/{{id}}"), get(show))
            .route(&format!("{path}/{{id}}/payload"), get(payload))
            .route(&format!("{path}/{{id}}/{{change}}"), one)
            .route(&format!("{path}/selected/{{change}}"), many.clone())
            .route(&format!("{path}/matching/{{change}}"), many)
    };
    of("/dead-letters").merge(of("/groups/{group}/dead-letters"))
}

async fn list(visit: Visit, letters: Letters, Query(pairs): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let refused = |says| Ok((StatusCode::BAD_REQUEST, page::message("Not found", says)).into_response());
    let after = pairs.iter().find(|(name, _)| name == "after").map(|(_, place)| letters.cursor(place));
    let is_first = after.is_none();
    let after = match after {
        Some(None) => return refused("This address has no place among the dead letters."),
        place => place.flatten(),
    };
    let filter = Filter::read(&pairs);
    if !letters.knows(&filter) {
        return refused("These letters are not selected by their type.");
    }
    let is_checked = pairs.iter().any(|(name, _)| name == "all");
    // One more than a page holds shows that there is another page.
    let mut found = within(letters.page(&filter, None, after, PAGE + 1)).await?;
    let groups = if is_first { within(letters.alike(&filter, alike::MOST)).await? } else { Vec::new() };
    let is_last = found.len() <= PAGE as usize;
    found.truncate(PAGE as usize);
    let is_changeable = !visit.console.is_read_only;
    let path = &letters.path;
    let body = html! {
        @if let Some(group) = letters.group() {
            p { a href={ (visit.base()) "/groups/" (encoded(group)) } { "To the group" } }
        }
        @if is_first && (!found.is_empty() || !filter.is_empty()) { (filters(&letters, &filter)) }
        @if found.is_empty() {
            p {
                @if !is_first { "There are no more dead letters." }
                @else if filter.is_empty() { "There are no dead letters." }
                @else { "No dead letter matches." }
            }
        } @else {
            @if !groups.is_empty() { (alike::table(path, &filter, &groups, is_changeable)) }
            @if letters.group().is_some() && is_first && is_changeable {
                (whole(path, &filter, within(letters.count(&filter, None)).await?))
            }
            (table(path, &filter, &found, is_changeable.then_some(is_checked)))
        }
        nav.pages aria-label="More dead letters" {
            @if !is_first { a href=(address(path, filter.pairs())) { "First page" } }
            @if let Some(last) = found.last().filter(|_| !is_last) {
                @let place = last.cursor().to_string();
                a rel="next" href=(address(path, [("after", place.as_str())].into_iter().chain(filter.pairs()))) { "Next page" }
            }
        }
    };
    Ok(page::page(&visit, &letters.title(), None, &body).into_response())
}

fn filters(letters: &Letters, filter: &Filter) -> Markup {
    html! {
        form.filters method="get" action=(letters.path) role="search" {
            @for (name, label) in letters.fields() {
                span {
                    label for=(name) { (label) }
                    input id=(name) name=(name) value=(filter.value(name)) autocomplete="off" spellcheck="false";
                }
            }
            button type="submit" { "Filter" }
            @if !filter.is_empty() { a href=(letters.path) { "Show all" } }
        }
    }
}

/// The changes of every letter that the filter selects.
fn whole(path: &str, filter: &Filter, number: u64) -> Markup {
    let all = Selection::Matching(filter.clone());
    html! {
        h2 { @if filter.is_empty() { "All letters" } @else { "All letters of the filter" } }
        ul.actions {
            li { a href=(all.address(path, "requeue")) { "Requeue " (grouped(number)) " …" } }
            li { a.danger href=(all.address(path, "discard")) { "Discard " (grouped(number)) " …" } }
        }
    }
}

/// The letters of a page. A form of checkboxes leads to the question about those that are selected.
fn table(path: &str, filter: &Filter, found: &[Letter], is_checked: Option<bool>) -> Markup {
    let selected = format!("{path}/selected");
    html! {
        h2 { "Letters, the oldest first" }
        form method="get" action={ (selected) "/requeue" } {
            @if let Some(is_checked) = is_checked {
                div.toolbar {
                    @if is_checked { a href=(address(path, filter.pairs())) { "Select none" } }
                    @else { a href=(address(path, filter.pairs().chain([("all", "1")]))) { "Select all of this page" } }
                    @if found.iter().any(|letter| !letter.is_redacted()) { button type="submit" { "Requeue selected …" } }
                    button.danger type="submit" formaction={ (selected) "/discard" } { "Discard selected …" }
                }
            }
            div.wide tabindex="0" role="region" aria-label="Dead letters" {
                table {
                    thead { tr {
                        @if is_checked.is_some() { th scope="col" { span.unseen { "Selected" } } }
                        th scope="col" { "Event" } th scope="col" { "Topic and key" } th scope="col" { "Reason" }
                        th.number scope="col" { "Attempts" } th scope="col" { "Given up" }
                    } }
                    tbody { @for letter in found { (row(path, letter, is_checked)) } }
                }
            }
        }
    }
}

fn row(path: &str, letter: &Letter, is_checked: Option<bool>) -> Markup {
    let (id, event_id) = (letter.id(), plain(&letter.event_id()));
    html! {
        tr {
            @if let Some(is_checked) = is_checked {
                td data-label="Selected" {
                    input type="checkbox" name="id" value=(id) checked[is_checked] aria-label={ "Select " (event_id) };
                }
            }
            th scope="row" data-label="Event" {
                a href={ (path) "/" (id) } { code { (event_id) } }
                @if let Some(name) = letter.event_type() { br; bdi { (plain(name)) } }
                @if letter.is_redacted() { br; small { "emptied" } }
                @if letter.is_held() { br; small { "its key waits" } }
            }
            td.topic data-label="Topic and key" {
                code { (plain(letter.topic())) } @if let Some(key) = letter.key() { br; code { (plain(key)) } }
            }
            td.reason data-label="Reason" {
                bdi { (plain(letter.reason())) } @if let Some(problem) = letter.problem() { br; bdi { (unread(problem)) } }
            }
            td.number data-label="Attempts" { (letter.attempts()) }
            td data-label="Given up" { (time(letter.died_at())) }
        }
    }
}

async fn show(visit: Visit, letters: Letters, Path(Named { id }): Path<Named>) -> Result<Response, Failure> {
    let Some(letter) = within(letters.letter(id)).await? else { return Ok(letters.gone(&visit)) };
    let own = format!("{}/{id}", letters.path);
    let body = html! {
        (letter.facts())
        ul.actions {
            @if !letter.is_redacted() { li { a href={ (own) "/payload" } { "Show the payload" } } }
            @if !visit.console.is_read_only {
                @if !letter.is_redacted() { li { a href={ (own) "/requeue" } { "Requeue …" } } }
                li { a.danger href={ (own) "/discard" } { "Discard …" } }
            }
        }
    };
    Ok(page::page(&visit, "Dead letter", None, &body).into_response())
}

async fn payload(
    visit: Visit,
    letters: Letters,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(Named { id }): Path<Named>,
) -> Result<Response, Failure> {
    let Some(letter) = within(letters.letter(id)).await? else { return Ok(letters.gone(&visit)) };
    let (outbox, group, event_id) = (&visit.outbox.name, letters.group(), plain(&letter.event_id()));
    tracing::info!(%event_id, outbox, group, session = %visit.session.name, %peer, "showed the payload of a dead letter");
    let (headers, text) = (letter.headers(), letter.payload().map(String::from_utf8_lossy));
    let body = html! {
        p { "Event " a href={ (letters.path) "/" (id) } { code { (event_id) } } }
        h2 { "Headers" }
        @if let Some(problem) = letter.problem() { p.note { bdi { (unread(problem)) } } }
        @else if headers.is_empty() { p { "none" } } @else {
            dl.facts { @for (name, value) in &headers { dt { code { (plain(name)) } } dd { code { (plain(value)) } } } }
        }
        h2 { "Payload" }
        @match &text {
            None => p { "The record is a tombstone: it has no payload." },
            Some(text) if text.is_empty() => p { "The payload is empty." },
            Some(std::borrow::Cow::Owned(_)) => p.note { "The payload is not UTF-8. Each invalid byte is replaced by �." },
            Some(std::borrow::Cow::Borrowed(_)) => {},
        }
        pre tabindex="0" role="region" aria-label="Payload" { code { (block(text.as_deref().unwrap_or_default())) } }
    };
    Ok(page::page(&visit, "Payload", None, &body).into_response())
}
