//! Requeueing and discarding many dead letters: a page with the question and the number, and the change in steps.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, Form, Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use marty_events::EventError;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    change::Change,
    failure::{Failure, within},
    id::Id,
    letters::Letters,
    page,
    selection::Selection,
    state::Console,
    text::{counted, grouped},
    visit::Visit,
};

/// Dead letters a statement, as the command `dead-letters` has them.
const STEP: u32 = 500;
/// The time that a browser waits for many changes. The work goes on behind it.
const PATIENCE: Duration = Duration::from_secs(25);

pub(super) fn route() -> MethodRouter<Arc<Console>> {
    get(ask).post(make)
}

/// The number of letters that a change is about, and of those among the selected ones that it cannot touch.
#[derive(Debug, Clone, Copy)]
struct Count {
    changeable: u64,
    left_out: u64,
}

/// The part of the path that names the change.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Many {
    change: Change,
}

/// The confirmed form.
#[derive(Deserialize)]
struct Confirmed {
    /// The number of letters on the page that asked. Letters that die later are left alone.
    count: u64,
}

async fn ask(
    visit: Visit,
    letters: Letters,
    Path(Many { change }): Path<Many>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let Some(selection) = read(&letters, &pairs) else { return Ok(unreadable()) };
    let count = count(&selection, change, &letters).await?;
    if count.changeable == 0 {
        let says = match change {
            Change::Requeue if 0 < count.left_out => "The selected events were emptied, so they cannot be requeued.",
            _ => "No dead letter is selected. Those that were may have been requeued or discarded meanwhile.",
        };
        let body = html! { p { (says) } p { a href=(letters.path) { "To the dead letters" } } };
        return Ok((StatusCode::CONFLICT, page::page(&visit, "Not done", None, &body)).into_response());
    }
    let number = counted(count.changeable, "dead letter");
    let body = html! {
        p.question { (question(change, &letters, &number)) }
        @if 0 < count.left_out { p.note { (counted(count.left_out, "event")) " of the selection cannot be requeued: the payload was emptied." } }
        (facts(&selection))
        form method="post" action=(selection.address(&letters.path, change.path())) {
            (page::form_token(&visit.session))
            input type="hidden" name="count" value=(count.changeable);
            button.main.danger[change.class().is_some()] type="submit" { (change.title()) " " (number) }
            a href=(letters.path) { "Cancel" }
        }
    };
    Ok(page::page(&visit, change.title(), None, &body).into_response())
}

fn question(change: Change, letters: &Letters, number: &str) -> String {
    match (change, letters.group()) {
        (Change::Requeue, None) => format!(
            "Put {number} back at the end of the outbox? A relay sends them again under the same ids, behind the events of \
             their keys that wait by now."
        ),
        (Change::Requeue, Some(_)) => format!(
            "Put {number} back at their old places? The group handles them again, before the later events of their keys \
             that wait by now."
        ),
        (Change::Discard, None) => format!("Delete {number} for good? They are not delivered, and no copy is kept."),
        (Change::Discard, Some(_)) => format!(
            "Delete {number} for good? The group does not handle them, and no copy is kept. Keys that wait for one of \
             them go on."
        ),
    }
}

fn facts(selection: &Selection) -> Markup {
    match selection {
        Selection::Ids(ids) => html! { ul.ids { @for id in ids { li { code { (id) } } } } },
        Selection::Matching(filter) if filter.is_empty() => html! { p.warning { "This selects every dead letter." } },
        Selection::Matching(filter) => filter.facts(),
    }
}

async fn make(
    visit: Visit,
    letters: Letters,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(Many { change }): Path<Many>,
    Query(pairs): Query<Vec<(String, String)>>,
    Form(confirmed): Form<Confirmed>,
) -> Response {
    let Some(selection) = read(&letters, &pairs) else { return unreadable() };
    let (session, done) = (visit.session.name, Arc::new(AtomicU64::new(0)));
    // A task of its own ends the work even if the browser goes away meanwhile.
    let work = tokio::spawn({
        let (outbox, letters, done) = (visit.outbox.clone(), letters.clone(), done.clone());
        async move {
            let (outbox, group) = (&outbox.name, letters.group());
            let log = |changed_letters: &[(Id, String)], changed: u64| {
                let event_ids = changed_letters.iter().map(|(_, event)| event.as_str()).collect::<Vec<_>>().join(" ");
                tracing::info!(changed, event_ids, ?change, outbox, group, %session, %peer, "changed dead letters");
            };
            let made = in_steps(&selection, change, confirmed.count, &letters, &done, log).await;
            if let Err(error) = &made {
                tracing::warn!(?change, outbox, group, %session, %peer, ?error, "some changes may have failed");
            }
            made
        }
    });
    let ended = tokio::time::timeout(PATIENCE, work).await;
    let done = done.load(Ordering::Relaxed);
    let so_far = format!("{} of {}", grouped(done), counted(confirmed.count, "dead letter"));
    let verb = match change {
        Change::Requeue if letters.group().is_none() => "back in the outbox",
        Change::Requeue => "back in the inbox",
        Change::Discard => "deleted",
    };
    let be = if done == 1 { "is" } else { "are" };
    let (status, title, says) = match ended.map(|ended| ended.expect("the task is not aborted and does not panic")) {
        Ok(Ok(())) => (StatusCode::OK, "Done", format!("{so_far} {be} {verb}.")),
        Ok(Err(error)) => {
            let failure = Failure::Outbox(error);
            let says = format!("{} {so_far} {be} {verb}; others may be.", failure.says());
            (StatusCode::SERVICE_UNAVAILABLE, "Not known", says)
        }
        Err(_) => (StatusCode::ACCEPTED, "Still at it", format!("{so_far} {be} {verb} so far. The work goes on.")),
    };
    let body = html! { p role="status" { (says) } p { a href=(letters.path) { "To the dead letters" } } };
    (status, page::page(&visit, title, None, &body)).into_response()
}

/// Changes up to `most` letters of a selection.
async fn in_steps(
    selection: &Selection,
    change: Change,
    most: u64,
    letters: &Letters,
    done: &AtomicU64,
    log: impl Fn(&[(Id, String)], u64),
) -> Result<(), EventError> {
    let filter = match selection {
        Selection::Ids(ids) => {
            let own = letters.own(ids).await?;
            let changed = letters.make(change, &own).await?;
            done.store(changed, Ordering::Relaxed);
            log(&own, changed);
            return Ok(());
        }
        Selection::Matching(filter) => filter,
    };
    // Otherwise a requeued event that dies again at once would come round for ever.
    let (mut left, mut place) = (most, None);
    while 0 < left {
        let limit = u32::try_from(left).unwrap_or(STEP).min(STEP);
        let found = letters.page(filter, Some(change), place, limit).await?;
        let Some(last) = found.last() else { break };
        place = Some(last.cursor());
        left -= found.len() as u64;
        let own: Vec<_> = found.iter().map(|letter| (letter.id(), letter.event_id())).collect();
        let changed = letters.make(change, &own).await?;
        done.fetch_add(changed, Ordering::Relaxed);
        log(&own, changed);
    }
    Ok(())
}

async fn count(selection: &Selection, change: Change, letters: &Letters) -> Result<Count, Failure> {
    match selection {
        Selection::Ids(ids) => {
            let mut count = Count { changeable: 0, left_out: 0 };
            for id in ids {
                match within(letters.letter(*id)).await? {
                    Some(letter) if letter.is_redacted() && matches!(change, Change::Requeue) => count.left_out += 1,
                    Some(_) => count.changeable += 1,
                    None => {}
                }
            }
            Ok(count)
        }
        Selection::Matching(filter) => {
            let all = within(letters.count(filter, None)).await?;
            let changeable = within(letters.count(filter, Some(change))).await?;
            Ok(Count { changeable, left_out: all.saturating_sub(changeable) })
        }
    }
}

fn read(letters: &Letters, pairs: &[(String, String)]) -> Option<Selection> {
    let selection = Selection::read(pairs).ok()?;
    let is_known = match &selection {
        Selection::Ids(_) => true,
        Selection::Matching(filter) => letters.knows(filter),
    };
    is_known.then_some(selection)
}

fn unreadable() -> Response {
    let says = "This address selects no dead letters: one of its ids is not an id, or a filter does not fit.";
    (StatusCode::BAD_REQUEST, page::message("Not found", says)).into_response()
}
