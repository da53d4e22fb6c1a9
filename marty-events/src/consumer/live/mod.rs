//! The work on records as they are read: take, handle, commit; or park.

mod batch;
mod end;
mod kept;
mod letter;
mod one;

use std::time::{Duration, Instant};

use self::{
    batch::handle_batch,
    kept::{Kept, Stay},
    one::handle_one,
};
use super::{
    routes::Work,
    running::{Running, Turn},
    work::{Desk, Next, Taken, Ticket},
};
use crate::inbox::InboxDatabase;

/// The time for which a worker goes on with one turn. A worker whose claim has waited wants its own back.
const LONGEST_STAY: Duration = Duration::from_millis(100);

/// Works on records for as long as it is polled.
pub(super) async fn work<DB: InboxDatabase>(running: &Running<DB>, desk: &Desk) -> std::convert::Infallible {
    let mut kept = Kept::nothing();
    loop {
        let turn = if let Some(turn) = Turn::take_free(&running.turns) {
            turn
        } else {
            // Those who have the turns have connections enough.
            kept = Kept::nothing();
            Turn::take(&running.turns).await
        };
        let mut stay = Stay { turn, kept };
        let begun = Instant::now();
        let pause = loop {
            match desk.take() {
                Next::Records(taken) => handle(running, desk, &mut stay, taken).await,
                Next::After(pause) => break Some(Some(pause)),
                Next::Nothing => break Some(None),
            }
            if LONGEST_STAY <= begun.elapsed() {
                break None;
            }
        };
        drop(stay.turn);
        kept = match pause {
            Some(pause) => stay.kept.rest(desk, pause).await,
            None => Kept::nothing(),
        };
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
        return desk.finish(taken.iter().map(|(_, ticket)| ticket));
    }
    for (work, ticket) in taken {
        handle_one(running, stay, &work).await;
        desk.finish([&ticket]);
    }
}
