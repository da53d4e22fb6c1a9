//! The work on records as they are read: take, handle, commit; or park.

use std::time::{Duration, Instant};

use sqlx::Transaction;

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

/// The time for which a worker goes on with one turn. A worker whose claim has waited wants its own back.
const LONGEST_STAY: Duration = Duration::from_millis(100);

/// A worker's turn, with the transaction that its last commit has begun.
struct Stay<'a, DB: InboxDatabase> {
    turn: Turn<'a>,
    open: Option<Transaction<'static, DB>>,
}

/// Works on records for as long as it is polled.
pub(super) async fn work<DB: InboxDatabase>(running: &Running<DB>, desk: &Desk) -> std::convert::Infallible {
    loop {
        let mut stay = Stay { turn: Turn::take(&running.turns).await, open: None };
        let begun = Instant::now();
        let mut was_idle = true;
        while let Some(taken) = desk.take(running.settings.longest_batch) {
            was_idle = false;
            handle(running, desk, &mut stay, taken).await;
            if LONGEST_STAY <= begun.elapsed() {
                break;
            }
        }
        // Nobody has used an open transaction, and its rollback goes with the connection.
        drop(stay);
        if was_idle {
            desk.is_ready().await;
        }
    }
}

/// Works on the records that a worker has taken.
async fn handle<DB: InboxDatabase>(
    running: &Running<DB>,
    desk: &Desk,
    stay: &mut Stay<'_, DB>,
    taken: Vec<Taken<Work>>,
) {
    let taken: Vec<(Work, Ticket)> = taken.into_iter().map(Taken::into_parts).collect();
    if 1 < taken.len() && handle_batch(running, stay, &taken).await {
        for (_, ticket) in taken {
            desk.finish(&ticket);
        }
        return;
    }
    for (work, ticket) in taken {
        handle_one(running, stay, &work).await;
        desk.finish(&ticket);
    }
}

/// Works on one record until it is in the database.
async fn handle_one<DB: InboxDatabase>(running: &Running<DB>, stay: &mut Stay<'_, DB>, work: &Work) {
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
    let mut transaction = stay.transaction(inbox).await?;
    match stay.turn.claim(inbox.claim(&mut transaction, &work.delivery, work.identity())).await? {
        Claim::Duplicate => {
            roll_back(inbox, transaction).await;
            return Ok(Some(End::Duplicate));
        }
        Claim::Behind => {
            inbox.park(&mut transaction, &work.delivery, work.identity(), None).await?;
            commit(transaction).await?;
            return Ok(Some(End::Parked));
        }
        Claim::Taken => {}
    }
    let called = running.handle(transaction, work.handler, &[(&work.delivery, &work.opened)]).await?;
    let Some(failure) = running.end(called, &mut stay.open).await else { return Ok(Some(End::Handled)) };
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
async fn handle_batch<DB: InboxDatabase>(
    running: &Running<DB>,
    stay: &mut Stay<'_, DB>,
    batch: &[(Work, Ticket)],
) -> bool {
    match attempt_batch(running, stay, batch).await {
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
    stay: &mut Stay<'_, DB>,
    batch: &[(Work, Ticket)],
) -> Result<Option<Vec<End>>, EventError> {
    let Running { inbox, .. } = running;
    let (first, _) = &batch[0];
    let mut transaction = stay.transaction(inbox).await?;
    let events: Vec<_> = batch.iter().map(|(work, _)| (&work.delivery, work.identity())).collect();
    let claims = stay.turn.claim(inbox.claim_all(&mut transaction, &events)).await?;
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
    let called = running.handle(transaction, first.handler, &taken).await?;
    if let Some(failure) = running.end(called, &mut stay.open).await {
        tracing::debug!(reason = failure.reason(), "a batch is handled one by one");
        return Ok(None);
    }
    let end = |claim| match claim {
        Claim::Taken => End::Handled,
        Claim::Duplicate => End::Duplicate,
        Claim::Behind => End::Parked,
    };
    Ok(Some(claims.into_iter().map(end).collect()))
}

impl<DB: InboxDatabase> Stay<'_, DB> {
    /// The transaction for the next work: the one that is open, or a new one.
    async fn transaction(&mut self, inbox: &DB::Inbox) -> Result<Transaction<'static, DB>, EventError> {
        match self.open.take() {
            Some(open) => Ok(open),
            None => inbox.begin().await,
        }
    }
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
