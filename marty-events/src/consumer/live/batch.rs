//! Several records in one transaction.

use std::sync::Arc;

use super::{
    super::{calls::CallFailure, routes::Work, running::Running, work::Ticket},
    end::{End, note},
    kept::Stay,
    letter::bury_committed,
};
use crate::{
    EventError,
    inbox::{Claim, Inbox, InboxDatabase},
};

/// One transaction for the records of a batch. False where a record has to be handled alone: then nothing has happened.
pub(super) async fn handle_batch<DB: InboxDatabase>(
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
    let read = batch.iter().map(|(work, _)| work.read).max().unwrap_or(first.read);
    let mut transaction = stay.kept.transaction(inbox, read).await?;
    let events: Vec<_> = batch.iter().map(|(work, _)| (work.delivery(), work.identity())).collect();
    let claims = stay.turn.claim(inbox.claim_all(&mut transaction, &events)).await?;
    for ((delivery, identity), claim) in events.iter().zip(&claims) {
        if *claim == Claim::Behind {
            inbox.park(&mut transaction, delivery, identity, None).await?;
        }
    }
    let taken = batch.iter().zip(&claims).filter(|(_, claim)| **claim == Claim::Taken);
    let taken: Vec<&Work> = taken.map(|((work, _), _)| work).collect();
    let records = taken.iter().map(|work| Arc::clone(&work.record)).collect();
    let called = running.handle(transaction, first.handler, records).await?;
    // A statement of the handler commits what is taken, so any of these events tells.
    let witness = taken.first().copied().unwrap_or(first);
    if let Some(failure) = running.end(called, witness.identity(), &mut stay.kept.open).await {
        if matches!(failure, CallFailure::Committed(_)) {
            for work in taken {
                bury_committed(running, work, &failure).await;
            }
            return Ok(Some(claims.into_iter().map(|claim| end(claim, End::Parked)).collect()));
        }
        tracing::debug!(reason = failure.reason(), "a batch is handled one by one");
        return Ok(None);
    }
    Ok(Some(claims.into_iter().map(|claim| end(claim, End::Handled)).collect()))
}

/// The end of a record of a batch, `taken` for those that the handler was called with.
fn end(claim: Claim, taken: End) -> End {
    match claim {
        Claim::Taken => taken,
        Claim::Duplicate => End::Duplicate,
        Claim::Behind => End::Behind,
    }
}
