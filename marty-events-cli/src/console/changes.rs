//! Requeueing and discarding a dead letter: a page with the question, and the change.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension,
    extract::{ConnectInfo, Path, State},
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
    sessions::Session,
    state::Console,
};

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    Requeue,
    Discard,
}

impl Change {
    fn title(self) -> &'static str {
        match self {
            Self::Requeue => "Requeue",
            Self::Discard => "Discard",
        }
    }

    fn path(self) -> &'static str {
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

    /// Returns the number of dead letters that were changed.
    async fn make(self, repository: &OutboxRepository, id: Uuid) -> Result<u64, EventError> {
        match self {
            Self::Requeue => repository.requeue(&[id]).await,
            Self::Discard => repository.discard(&[id]).await,
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

async fn ask(
    State(console): State<Arc<Console>>,
    Extension(session): Extension<Session>,
    Path((id, change)): Path<(Uuid, Change)>,
) -> Result<Response, Failure> {
    let Some(dead) = within(console.repository.dead_letter(id)).await? else { return Ok(gone(&console, &session)) };
    let body = html! {
        p { (change.question()) }
        (facts(&dead))
        form method="post" action={ "/dead-letters/" (id) "/" (change.path()) } {
            (page::form_token(&session))
            button type="submit" { (change.title()) }
            a href={ "/dead-letters/" (id) } { "Cancel" }
        }
    };
    Ok(page::page(&console, &session, change.title(), None, &body).into_response())
}

async fn make(
    State(console): State<Arc<Console>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(session): Extension<Session>,
    Path((id, change)): Path<(Uuid, Change)>,
) -> Response {
    let name = session.name;
    // A task of its own logs the change even if the browser goes away meanwhile.
    let made = tokio::spawn({
        let console = console.clone();
        async move {
            let made = change.make(&console.repository, id).await;
            match &made {
                Ok(0) => tracing::info!(event_id = %id, ?change, session = %name, %peer, "found no such dead letter"),
                Ok(_) => tracing::info!(event_id = %id, ?change, session = %name, %peer, "changed a dead letter"),
                Err(error) => {
                    tracing::warn!(event_id = %id, ?change, session = %name, %peer, ?error, "a change may have failed");
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
                p { code { (id) } }
                p { a href="/dead-letters" { "To the dead letters" } }
            };
            page::page(&console, &session, "Done", None, &body).into_response()
        }
        Ok(0) => match within(console.repository.dead_letter(id)).await {
            Ok(Some(_)) => {
                let says = "The payload of this event was emptied, so it cannot be requeued. It can be discarded.";
                let body = html! { p.warning { (says) } p { a href="/dead-letters" { "To the dead letters" } } };
                (StatusCode::CONFLICT, page::page(&console, &session, "Not done", None, &body)).into_response()
            }
            Ok(None) => gone(&console, &session),
            Err(failure) => failure.into_response(),
        },
        Err(failure) => {
            failure.log();
            let body = html! {
                p.warning role="alert" { (failure.says()) }
                p { "The change may have been made or not. " a href={ "/dead-letters/" (id) } { "Check the dead letter" } }
            };
            (StatusCode::SERVICE_UNAVAILABLE, page::page(&console, &session, "Not known", None, &body)).into_response()
        }
    }
}
