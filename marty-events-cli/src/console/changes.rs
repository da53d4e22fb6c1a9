//! Requeueing and discarding a dead letter: a page with the question, and the change.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, Path},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use maud::html;
use serde::Deserialize;

use super::{
    change::Change,
    failure::{Failure, within},
    id::Id,
    letters::Letters,
    page,
    state::Console,
    visit::Visit,
};
use crate::plain::plain;

pub(super) fn route() -> MethodRouter<Arc<Console>> {
    get(ask).post(make)
}

/// Takes the place of both with --read-only.
pub(super) async fn refuse() -> Response {
    let says = "This console was started with --read-only.";
    (StatusCode::FORBIDDEN, page::message("Read-only", says)).into_response()
}

/// The part of a change's path that names a letter and the change.
#[derive(Debug, Clone, Copy, Deserialize)]
struct One {
    id: Id,
    change: Change,
}

async fn ask(visit: Visit, letters: Letters, Path(One { id, change }): Path<One>) -> Result<Response, Failure> {
    let Some(letter) = within(letters.letter(id)).await? else { return Ok(letters.gone(&visit)) };
    if letter.is_redacted() && matches!(change, Change::Requeue) {
        return Ok(emptied(&visit, &letters));
    }
    let own = format!("{}/{id}", letters.path);
    let body = html! {
        p.question { (question(change, &letters)) }
        (letter.facts())
        form method="post" action={ (own) "/" (change.path()) } {
            (page::form_token(&visit.session))
            button.main.danger[change.class().is_some()] type="submit" { (change.title()) }
            a href=(own) { "Cancel" }
        }
    };
    Ok(page::page(&visit, change.title(), None, &body).into_response())
}

fn question(change: Change, letters: &Letters) -> &'static str {
    match (change, letters.group()) {
        (Change::Requeue, None) => {
            "Put this event back at the end of the outbox? A relay sends it again under the same id, behind the \
             events of its key that wait by now."
        }
        (Change::Requeue, Some(_)) => {
            "Put this event back at its old place? The group handles it again, before the later events of its key that \
             wait by now."
        }
        (Change::Discard, None) => "Delete this event for good? It is not delivered, and no copy is kept.",
        (Change::Discard, Some(_)) => {
            "Delete this event for good? The group does not handle it, and no copy is kept. If its key waits for it, \
             the key goes on."
        }
    }
}

fn answer(change: Change, letters: &Letters) -> &'static str {
    match (change, letters.group()) {
        (Change::Requeue, None) => "The event is back in the outbox, and waits for a relay.",
        (Change::Requeue, Some(_)) => "The event is back at its old place, and waits for a consumer of the group.",
        (Change::Discard, _) => "The event is deleted.",
    }
}

async fn make(
    visit: Visit,
    letters: Letters,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(One { id, change }): Path<One>,
) -> Response {
    let session = visit.session.name;
    // A task of its own logs the change even if the browser goes away meanwhile.
    let made = tokio::spawn({
        let (outbox, letters) = (visit.outbox.clone(), letters.clone());
        async move {
            let (outbox, group) = (&outbox.name, letters.group());
            let mut event_id = id.to_string();
            let made = async {
                let own = letters.own(&[id]).await?;
                if let Some((_, event)) = own.first() {
                    event_id.clone_from(event);
                }
                letters.make(change, &own).await
            };
            let made = made.await;
            let event_id = plain(&event_id);
            match &made {
                Ok(0) => {
                    tracing::info!(%event_id, ?change, outbox, group, %session, %peer, "found no such dead letter");
                }
                Ok(_) => tracing::info!(%event_id, ?change, outbox, group, %session, %peer, "changed a dead letter"),
                Err(error) => {
                    tracing::warn!(%event_id, ?change, outbox, group, %session, %peer, ?error, "a change may have failed");
                }
            }
            made
        }
    });
    let made = within(async { made.await.expect("the task is not aborted and does not panic") }).await;
    match made {
        Ok(1..) => {
            let body = html! {
                p role="status" { (answer(change, &letters)) }
                @if letters.group().is_none() { p { a href={ (visit.base()) "/events?q=" (id) } { code { (id) } } } }
                p { a href=(letters.path) { "To the dead letters" } }
            };
            page::page(&visit, "Done", None, &body).into_response()
        }
        Ok(0) => match within(letters.letter(id)).await {
            Ok(Some(_)) => emptied(&visit, &letters),
            Ok(None) => letters.gone(&visit),
            Err(failure) => failure.into_response(),
        },
        Err(failure) => {
            failure.log();
            let body = html! {
                p.warning role="alert" { (failure.says()) }
                p { "The change may have been made or not. " a href={ (letters.path) "/" (id) } { "Check the dead letter" } }
            };
            (StatusCode::SERVICE_UNAVAILABLE, page::page(&visit, "Not known", None, &body)).into_response()
        }
    }
}

/// The answer where an event is to be requeued that has no payload any more.
fn emptied(visit: &Visit, letters: &Letters) -> Response {
    let says = "The payload of this event was emptied, so it cannot be requeued. It can be discarded.";
    let body = html! { p.warning { (says) } p { a href=(letters.path) { "To the dead letters" } } };
    (StatusCode::CONFLICT, page::page(visit, "Not done", None, &body)).into_response()
}
