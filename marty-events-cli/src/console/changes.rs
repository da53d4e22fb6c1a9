//! Requeueing and discarding a dead letter: a page with the question, and the change.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, Path},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use marty_events::{EventError, OutboxRepository};
use maud::html;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    failure::{Failure, within},
    letter::{facts, gone},
    page,
    state::Console,
    visit::Visit,
};

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    Requeue,
    Discard,
}

impl Change {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Requeue => "Requeue",
            Self::Discard => "Discard",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Requeue => "requeue",
            Self::Discard => "discard",
        }
    }

    fn question(self) -> &'static str {
        match self {
            Self::Requeue => {
                "Put this event back at the end of the outbox? A relay sends it again under the same id, behind the \
                 events of its key that wait by now."
            }
            Self::Discard => "Delete this event for good? It is not delivered, and no copy is kept.",
        }
    }

    fn answer(self) -> &'static str {
        match self {
            Self::Requeue => "The event is back in the outbox, and waits for a relay.",
            Self::Discard => "The event is deleted.",
        }
    }

    /// The class of a button that makes the change: red where it is for good.
    pub(super) fn class(self) -> Option<&'static str> {
        matches!(self, Self::Discard).then_some("danger")
    }

    /// Returns the number of dead letters that were changed.
    pub(super) async fn make(self, repository: &OutboxRepository, ids: &[Uuid]) -> Result<u64, EventError> {
        match self {
            Self::Requeue => repository.requeue(ids).await,
            Self::Discard => repository.discard(ids).await,
        }
    }
}

pub(super) fn route() -> MethodRouter<Arc<Console>> {
    get(ask).post(make)
}

/// Takes the place of both with --read-only.
pub(super) async fn refuse() -> Response {
    let says = "This console was started with --read-only.";
    (StatusCode::FORBIDDEN, page::message("Read-only", says)).into_response()
}

async fn ask(visit: Visit, Path((id, change)): Path<(Uuid, Change)>) -> Result<Response, Failure> {
    let Some(dead) = within(visit.repository().dead_letter(id)).await? else { return Ok(gone(&visit)) };
    if dead.redacted && matches!(change, Change::Requeue) {
        return Ok(emptied(&visit));
    }
    let letter = format!("{}/dead-letters/{id}", visit.base());
    let body = html! {
        p.question { (change.question()) }
        (facts(&dead))
        form method="post" action={ (letter) "/" (change.path()) } {
            (page::form_token(&visit.session))
            button.main.danger[change.class().is_some()] type="submit" { (change.title()) }
            a href=(letter) { "Cancel" }
        }
    };
    Ok(page::page(&visit, change.title(), None, &body).into_response())
}

async fn make(
    visit: Visit,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((id, change)): Path<(Uuid, Change)>,
) -> Response {
    let (session, base) = (visit.session.name, visit.base());
    // A task of its own logs the change even if the browser goes away meanwhile.
    let made = tokio::spawn({
        let outbox = visit.outbox.clone();
        async move {
            let made = change.make(&outbox.repository, &[id]).await;
            let outbox = &outbox.name;
            match &made {
                Ok(0) => tracing::info!(event_id = %id, ?change, outbox, %session, %peer, "found no such dead letter"),
                Ok(_) => tracing::info!(event_id = %id, ?change, outbox, %session, %peer, "changed a dead letter"),
                Err(error) => {
                    tracing::warn!(event_id = %id, ?change, outbox, %session, %peer, ?error, "a change may have failed");
                }
            }
            made
        }
    });
    let made = within(async { made.await.expect("the task is not aborted and does not panic") }).await;
    match made {
        Ok(1..) => {
            let body = html! {
                p role="status" { (change.answer()) }
                p { a href={ (base) "/events?q=" (id) } { code { (id) } } }
                p { a href={ (base) "/dead-letters" } { "To the dead letters" } }
            };
            page::page(&visit, "Done", None, &body).into_response()
        }
        Ok(0) => match within(visit.repository().dead_letter(id)).await {
            Ok(Some(_)) => emptied(&visit),
            Ok(None) => gone(&visit),
            Err(failure) => failure.into_response(),
        },
        Err(failure) => {
            failure.log();
            let body = html! {
                p.warning role="alert" { (failure.says()) }
                p {
                    "The change may have been made or not. "
                    a href={ (base) "/dead-letters/" (id) } { "Check the dead letter" }
                }
            };
            (StatusCode::SERVICE_UNAVAILABLE, page::page(&visit, "Not known", None, &body)).into_response()
        }
    }
}

/// The answer where an event is to be requeued that has no payload any more.
fn emptied(visit: &Visit) -> Response {
    let says = "The payload of this event was emptied, so it cannot be requeued. It can be discarded.";
    let body = html! { p.warning { (says) } p { a href={ (visit.base()) "/dead-letters" } { "To the dead letters" } } };
    (StatusCode::CONFLICT, page::page(visit, "Not done", None, &body)).into_response()
}
