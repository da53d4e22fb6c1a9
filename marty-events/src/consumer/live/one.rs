//! One record in one transaction.

use std::sync::Arc;

use super::{
    super::{
        calls::{CallFailure, MOST_PASSING, Verdict},
        routes::Work,
        running::{Patience, Running, commit, roll_back},
    },
    end::{End, note},
    kept::Stay,
    letter::bury_committed,
};
use crate::{
    EventError,
    inbox::{Claim, Failure, Inbox, InboxDatabase},
};

/// Works on one record until it is in the database.
pub(super) async fn handle_one<DB: InboxDatabase>(running: &Running<DB>, stay: &mut Stay<'_, DB>, work: &Work) {
    let mut patience = Patience::new(&running.health);
    let mut passing = 0;
    loop {
        match attempt(running, stay, work, &mut passing).await {
            Ok(Some(end)) => {
                patience.works();
                return note(running, work, end);
            }
            Ok(None) => {}
            Err(error) => patience.wait(&error).await,
        }
    }
}

/// One call of the handler. Nothing where the database was in the way of it.
async fn attempt<DB: InboxDatabase>(
    running: &Running<DB>,
    stay: &mut Stay<'_, DB>,
    work: &Work,
    passing: &mut u32,
) -> Result<Option<End>, EventError> {
    let Running { inbox, .. } = running;
    let mut transaction = stay.kept.transaction(inbox, work.read).await?;
    match stay.turn.claim(inbox.claim(&mut transaction, work.delivery(), work.identity())).await? {
        Claim::Duplicate => {
            roll_back(inbox, transaction).await;
            return Ok(Some(End::Duplicate));
        }
        Claim::Behind => {
            inbox.park(&mut transaction, work.delivery(), work.identity(), None).await?;
            stay.kept.commit(inbox, transaction).await?;
            return Ok(Some(End::Behind));
        }
        Claim::Taken => {}
    }
    let called = running.handle(transaction, work.handler, vec![Arc::clone(&work.record)]).await?;
    let Some(failure) = running.end(called, work.identity(), &mut stay.kept.open).await else {
        return Ok(Some(End::Handled));
    };
    if matches!(failure, CallFailure::Committed(_)) {
        bury_committed(running, work, &failure).await;
        return Ok(Some(End::Parked));
    }
    if failure.verdict() == Verdict::Passing && *passing < MOST_PASSING {
        *passing += 1;
        tracing::debug!(event_id = work.identity().event_id, reason = failure.reason(), "the database was in the way");
        return match failure {
            CallFailure::Unfinished(error) => Err(error),
            _ => Ok(None),
        };
    }
    park(running, work, &failure).await.map(Some)
}

/// Keeps a failed event in the database, so that others go on.
async fn park<DB: InboxDatabase>(running: &Running<DB>, work: &Work, failure: &CallFailure) -> Result<End, EventError> {
    let Running { inbox, .. } = running;
    let identity = work.identity();
    let mut transaction = inbox.begin().await?;
    let failed = match inbox.claim(&mut transaction, work.delivery(), identity).await? {
        // Another owner of the partition was faster.
        Claim::Duplicate => {
            roll_back(inbox, transaction).await;
            return Ok(End::Duplicate);
        }
        Claim::Behind => None,
        Claim::Taken => {
            let is_final = failure.verdict() == Verdict::Final;
            let fate = running.fate(Some(work.handler), 1, is_final, &identity.event_id);
            Some(Failure { attempts: 1, reason: failure.reason(), fate })
        }
    };
    inbox.park(&mut transaction, work.delivery(), identity, failed.as_ref()).await?;
    commit(transaction).await?;
    let Some(Failure { reason, fate, .. }) = failed else { return Ok(End::Behind) };
    if fate.is_last() {
        running.metrics.buried();
    }
    let handler = running.routes.route(work.handler).description.name;
    tracing::warn!(
        group = &*running.group,
        handler,
        event_id = identity.event_id,
        topic = &*work.delivery().topic,
        reason,
        ?fate,
        "an event is parked with its key"
    );
    Ok(End::Parked)
}
