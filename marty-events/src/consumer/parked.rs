//! Parked events: the first one of a key is tried again when its time has come.

use std::{sync::Arc, time::Duration};

use sqlx::Transaction;
use tokio_util::sync::CancellationToken;

use super::{
    calls::{CallFailure, MOST_PASSING, Verdict},
    routes::Work,
    running::{Patience, Running, commit, roll_back},
};
use crate::{
    EventError,
    inbox::{Due, Failure, Identity, Inbox, InboxDatabase, Parked},
};

/// The longest pause between two looks for parked events: other processes park some too.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The pause before a handler that the database got in the way of is called again.
const PASSING_PAUSE: Duration = Duration::from_millis(200);

/// The reason of a parked event for which this program has no handler.
const NO_HANDLER: &str = "this program has no handler for the event";

/// Tries parked events again until it is stopped, between two of them.
pub(super) async fn work<DB: InboxDatabase>(running: &Running<DB>, stop: &CancellationToken) {
    let mut patience = Patience::new(&running.health);
    while !stop.is_cancelled() {
        match attempt(running).await {
            Ok(None) => patience.works(),
            Ok(Some(pause)) => {
                patience.works();
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = running.parked.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
            Err(error) => {
                stop.run_until_cancelled(patience.wait(&error)).await;
            }
        }
    }
}

/// Tries one event. Answers how long to wait before the next.
async fn attempt<DB: InboxDatabase>(running: &Running<DB>) -> Result<Option<Duration>, EventError> {
    let Running { inbox, .. } = running;
    let mut transaction = inbox.begin().await?;
    let choice = running.choice.lock().await;
    let due = inbox.next_due(&mut transaction).await?;
    drop(choice);
    let parked = match due {
        Due::Now(parked) => *parked,
        Due::After(pause) => {
            roll_back(inbox, transaction).await;
            return Ok(Some(pause.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)));
        }
    };
    let Parked { id, identity, delivery } = parked;
    let attempts = delivery.attempt;
    let Some(Work { handler, record, .. }) = running.routes.find(delivery) else {
        // Another process of the group may have one: another version of the program, or a consumer of other topics.
        let _choice = running.choice.lock().await;
        roll_back(inbox, transaction).await;
        let fate = running.fate(None, attempts, false, &identity.event_id);
        let failure = Failure { attempts, reason: NO_HANDLER.to_owned(), fate };
        write_down(running, &identity, None, id, &failure).await?;
        return Ok(None);
    };
    running.metrics.tries_again();
    let (mut transaction, failure) = running.handle(transaction, handler, vec![Arc::clone(&record)]).await?;
    let failure = match failure {
        Some(failure) => Some(failure),
        None => match inbox.is_open(&mut transaction).await {
            Ok(true) => None,
            Ok(false) => Some(CallFailure::Undone),
            Err(error) => Some(CallFailure::Unfinished(error)),
        },
    };
    let (failure, _choice) = match failure {
        Some(failure) => {
            let choice = running.choice.lock().await;
            roll_back(inbox, transaction).await;
            (failure, choice)
        }
        None => match leave(inbox, transaction, id).await {
            Ok(()) => {
                running.is_out_of_the_way(id);
                running.metrics.handled(running.routes.route(handler).description.name, record.delivery.timestamp);
                return Ok(None);
            }
            Err(error) => (CallFailure::Unfinished(error), running.choice.lock().await),
        },
    };
    let verdict = failure.verdict();
    if verdict == Verdict::Passing && running.got_in_the_way(id) < MOST_PASSING {
        return Ok(Some(PASSING_PAUSE));
    }
    running.is_out_of_the_way(id);
    let fate = running.fate(Some(handler), attempts, verdict == Verdict::Final, &identity.event_id);
    let failure = Failure { attempts, reason: failure.reason(), fate };
    write_down(running, &identity, Some(handler), id, &failure).await?;
    Ok(None)
}

async fn write_down<DB: InboxDatabase>(
    running: &Running<DB>,
    identity: &Identity,
    handler: Option<usize>,
    id: i64,
    failure: &Failure,
) -> Result<(), EventError> {
    if !running.inbox.fail(id, failure).await? {
        return Ok(());
    }
    let Failure { attempts, reason, fate } = failure;
    if fate.is_last() {
        running.metrics.buried();
    }
    tracing::warn!(
        group = &*running.group,
        handler = handler.map(|handler| running.routes.route(handler).description.name),
        event_id = identity.event_id,
        attempts,
        reason,
        ?fate,
        "a parked event failed again"
    );
    Ok(())
}

/// Ends the transaction of an event that was handled, and takes its row away.
async fn leave<I: Inbox>(
    inbox: &I,
    mut transaction: Transaction<'static, I::Database>,
    id: i64,
) -> Result<(), EventError> {
    inbox.unpark(&mut transaction, id).await?;
    commit(transaction).await
}
