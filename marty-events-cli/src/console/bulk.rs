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
use marty_events::{EventError, OutboxRepository, outbox::DeadLetterQuery};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    changes::Change,
    failure::{Failure, within},
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

/// The confirmed form.
#[derive(Deserialize)]
struct Confirmed {
    /// The number of letters on the page that asked. Letters that die later are left alone.
    count: u64,
}

async fn ask(
    visit: Visit,
    Path(change): Path<Change>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let Ok(selection) = Selection::read(&pairs) else { return Ok(unreadable()) };
    let list = format!("{}/dead-letters", visit.base());
    let count = count(&selection, change, visit.repository()).await?;
    if count.changeable == 0 {
        let says = match change {
            Change::Requeue if 0 < count.left_out => "The selected events were emptied, so they cannot be requeued.",
            _ => "No dead letter is selected. Those that were may have been requeued or discarded meanwhile.",
        };
        let body = html! { p { (says) } p { a href=(list) { "To the dead letters" } } };
        return Ok((StatusCode::CONFLICT, page::page(&visit, "Not done", None, &body)).into_response());
    }
    let letters = counted(count.changeable, "dead letter");
    let body = html! {
        p.question { (question(change, &letters)) }
        @if 0 < count.left_out { p.note { (counted(count.left_out, "event")) " of the selection cannot be requeued: the payload was emptied." } }
        (facts(&selection))
        form method="post" action=(selection.address(visit.base(), change.path())) {
            (page::form_token(&visit.session))
            input type="hidden" name="count" value=(count.changeable);
            button.main.danger[change.class().is_some()] type="submit" { (change.title()) " " (letters) }
            a href=(list) { "Cancel" }
        }
    };
    Ok(page::page(&visit, change.title(), None, &body).into_response())
}

fn question(change: Change, letters: &str) -> String {
    match change {
        Change::Requeue => format!(
            "Put {letters} back at the end of the outbox? A relay sends them again under the same ids, behind the events of \
             their keys that wait by now."
        ),
        Change::Discard => format!("Delete {letters} for good? They are not delivered, and no copy is kept."),
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
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(change): Path<Change>,
    Query(pairs): Query<Vec<(String, String)>>,
    Form(confirmed): Form<Confirmed>,
) -> Response {
    let Ok(selection) = Selection::read(&pairs) else { return unreadable() };
    let (session, done) = (visit.session.name, Arc::new(AtomicU64::new(0)));
    // A task of its own ends the work even if the browser goes away meanwhile.
    let work = tokio::spawn({
        let (outbox, done) = (visit.outbox.clone(), done.clone());
        async move {
            let log = |ids: &[Uuid], changed: u64| {
                let ids = ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" ");
                tracing::info!(changed, event_ids = ids, ?change, outbox = outbox.name, %session, %peer, "changed dead letters");
            };
            let made = in_steps(&selection, change, confirmed.count, &outbox.repository, &done, log).await;
            if let Err(error) = &made {
                tracing::warn!(?change, outbox = outbox.name, %session, %peer, ?error, "some changes may have failed");
            }
            made
        }
    });
    let ended = tokio::time::timeout(PATIENCE, work).await;
    let list = format!("{}/dead-letters", visit.base());
    let done = done.load(Ordering::Relaxed);
    let so_far = format!("{} of {}", grouped(done), counted(confirmed.count, "dead letter"));
    let verb = match change {
        Change::Requeue => "back in the outbox",
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
    let body = html! { p role="status" { (says) } p { a href=(list) { "To the dead letters" } } };
    (status, page::page(&visit, title, None, &body)).into_response()
}

/// Changes up to `most` letters of a selection.
async fn in_steps(
    selection: &Selection,
    change: Change,
    most: u64,
    repository: &OutboxRepository,
    done: &AtomicU64,
    log: impl Fn(&[Uuid], u64),
) -> Result<(), EventError> {
    let mut query = match selection {
        Selection::Ids(ids) => {
            let changed = change.make(repository, ids).await?;
            done.store(changed, Ordering::Relaxed);
            log(ids, changed);
            return Ok(());
        }
        Selection::Matching(filter) => asked(change, filter.query(STEP)),
    };
    // Otherwise a requeued event that dies again at once would come round for ever.
    let mut left = most;
    while 0 < left {
        let limit = u32::try_from(left).unwrap_or(STEP).min(STEP);
        let letters = repository.dead_letters(query.clone().limit(limit)).await?;
        let Some(last) = letters.last() else { break };
        query = query.after(last.place());
        left -= letters.len() as u64;
        let ids: Vec<Uuid> = letters.iter().map(|letter| letter.event.event_id).collect();
        let changed = change.make(repository, &ids).await?;
        done.fetch_add(changed, Ordering::Relaxed);
        log(&ids, changed);
    }
    Ok(())
}

async fn count(selection: &Selection, change: Change, repository: &OutboxRepository) -> Result<Count, Failure> {
    match selection {
        Selection::Ids(ids) => {
            let mut count = Count { changeable: 0, left_out: 0 };
            for id in ids {
                match within(repository.dead_letter(*id)).await? {
                    Some(dead) if dead.redacted && matches!(change, Change::Requeue) => count.left_out += 1,
                    Some(_) => count.changeable += 1,
                    None => {}
                }
            }
            Ok(count)
        }
        Selection::Matching(filter) => {
            let all = within(repository.count_dead_letters(&filter.query(STEP))).await?;
            let changeable = within(repository.count_dead_letters(&asked(change, filter.query(STEP)))).await?;
            Ok(Count { changeable, left_out: all.saturating_sub(changeable) })
        }
    }
}

fn asked(change: Change, query: DeadLetterQuery) -> DeadLetterQuery {
    match change {
        Change::Requeue => query.requeueable(),
        Change::Discard => query,
    }
}

fn unreadable() -> Response {
    let says = "This address selects no dead letters: one of its ids is not an id.";
    (StatusCode::BAD_REQUEST, page::message("Not found", says)).into_response()
}
