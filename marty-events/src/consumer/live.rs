//! The work on records as they are read: take, handle, commit; or park.

use super::{
    calls::{CallFailure, MOST_PASSING, Verdict},
    routes::Work,
    running::{Patience, Running, Turn, commit, roll_back},
    work::{Desk, Taken, Ticket},
};
use crate::{
    EventError,
    inbox::{Claim, Failure, Inbox, InboxDatabase},
};

/// The end of a record's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Handled,
    /// The group had taken it before.
    Duplicate,
    /// Its handler failed, or its key waits.
    Parked,
}

/// Works on records for as long as it is polled.
pub(super) async fn work<DB: InboxDatabase>(running: &Running<DB>, desk: &Desk) -> std::convert::Infallible {
    loop {
        let mut turn = Turn::take(&running.turns).await;
        let Some(taken) = desk.take(running.settings.longest_batch) else {
            // A worker whose claim has waited wants its turn back.
            drop(turn);
            desk.is_ready().await;
            continue;
        };
        let mut taken: Vec<(Work, Ticket)> = taken.into_iter().map(Taken::into_parts).collect();
        if 1 < taken.len() && handle_batch(running, &mut turn, &taken).await {
            for (_, ticket) in taken {
                desk.finish(&ticket);
            }
            continue;
        }
        for (work, ticket) in taken.drain(..) {
            handle_one(running, &mut turn, &work).await;
            desk.finish(&ticket);
        }
    }
}

/// Works on one record until it is in the database.
async fn handle_one<DB: InboxDatabase>(running: &Running<DB>, turn: &mut Turn<'_>, work: &Work) {
    let mut patience = Patience::new(&running.health);
    let mut passing = 0;
    loop {
        match attempt(running, turn, work, &mut passing).await {
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
    turn: &mut Turn<'_>,
    work: &Work,
    passing: &mut u32,
) -> Result<Option<End>, EventError> {
    let Running { inbox, .. } = running;
    let mut transaction = inbox.begin().await?;
    match turn.claim(inbox.claim(&mut transaction, &work.delivery, work.identity())).await? {
        Claim::Duplicate => {
            roll_back(transaction).await;
            return Ok(Some(End::Duplicate));
        }
        Claim::Behind => {
            inbox.park(&mut transaction, &work.delivery, work.identity(), None).await?;
            commit(transaction).await?;
            return Ok(Some(End::Parked));
        }
        Claim::Taken => {}
    }
    let (transaction, failure) = running.handle(transaction, work.handler, &[(&work.delivery, &work.opened)]).await?;
    let failure = match failure {
        Some(failure) => {
            roll_back(transaction).await;
            failure
        }
        // A commit whose answer is lost may have been one: then the event is known at the next claim.
        None => match commit(transaction).await {
            Ok(()) => return Ok(Some(End::Handled)),
            Err(error) => CallFailure::Unfinished(error),
        },
    };
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
    let failed = match inbox.claim(&mut transaction, &work.delivery, identity).await? {
        // Another owner of the partition was faster.
        Claim::Duplicate => {
            roll_back(transaction).await;
            return Ok(End::Duplicate);
        }
        Claim::Behind => None,
        Claim::Taken => {
            let is_final = failure.verdict() == Verdict::Final;
            let fate = running.fate(Some(work.handler), 1, is_final, &identity.event_id);
            Some(Failure { attempts: 1, reason: failure.reason(), fate })
        }
    };
    inbox.park(&mut transaction, &work.delivery, identity, failed.as_ref()).await?;
    commit(transaction).await?;
    if let Some(Failure { reason, fate, .. }) = failed {
        if fate.is_last() {
            running.metrics.buried();
        }
        let handler = running.routes.route(work.handler).description.name;
        tracing::warn!(
            group = &*running.group,
            handler,
            event_id = identity.event_id,
            topic = &*work.delivery.topic,
            reason,
            ?fate,
            "an event is parked with its key"
        );
    }
    Ok(End::Parked)
}

/// One transaction for the records of a batch. False where a record has to be handled alone: then nothing has happened.
async fn handle_batch<DB: InboxDatabase>(running: &Running<DB>, turn: &mut Turn<'_>, batch: &[(Work, Ticket)]) -> bool {
    match attempt_batch(running, turn, batch).await {
        Ok(Some(ends)) => {
            for ((work, _), end) in batch.iter().zip(ends) {
                note(running, work, end);
            }
            true
        }
        Ok(None) => false,
        Err(error) => {
            tracing::debug!(%error, "a batch is handled one by one");
            false
        }
    }
}

async fn attempt_batch<DB: InboxDatabase>(
    running: &Running<DB>,
    turn: &mut Turn<'_>,
    batch: &[(Work, Ticket)],
) -> Result<Option<Vec<End>>, EventError> {
    let Running { inbox, .. } = running;
    let (first, _) = &batch[0];
    let mut transaction = inbox.begin().await?;
    let events: Vec<_> = batch.iter().map(|(work, _)| (&work.delivery, work.identity())).collect();
    let claims = turn.claim(inbox.claim_all(&mut transaction, &events)).await?;
    for ((delivery, identity), claim) in events.iter().zip(&claims) {
        if *claim == Claim::Behind {
            inbox.park(&mut transaction, delivery, identity, None).await?;
        }
    }
    let taken: Vec<_> = batch
        .iter()
        .zip(&claims)
        .filter(|(_, claim)| **claim == Claim::Taken)
        .map(|((work, _), _)| (&work.delivery, &work.opened))
        .collect();
    let (transaction, failure) = running.handle(transaction, first.handler, &taken).await?;
    if let Some(failure) = failure {
        roll_back(transaction).await;
        tracing::debug!(reason = failure.reason(), "a batch is handled one by one");
        return Ok(None);
    }
    commit(transaction).await?;
    let end = |claim| match claim {
        Claim::Taken => End::Handled,
        Claim::Duplicate => End::Duplicate,
        Claim::Behind => End::Parked,
    };
    Ok(Some(claims.into_iter().map(end).collect()))
}

fn note<DB: InboxDatabase>(running: &Running<DB>, work: &Work, end: End) {
    let metrics = &running.metrics;
    match end {
        End::Handled => metrics.handled(running.routes.route(work.handler).description.name, work.delivery.timestamp),
        End::Duplicate => {
            metrics.dropped();
            tracing::debug!(group = &*running.group, event_id = work.identity().event_id, "the event was taken before");
        }
        End::Parked => {
            metrics.parked();
            running.parked.notify_one();
        }
    }
}
