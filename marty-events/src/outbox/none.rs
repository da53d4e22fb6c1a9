//! What stands in for a database when none is built in: types that nothing makes, so that the rest compiles alike.

use std::time::Duration;

use uuid::Uuid;

use super::{
    DeadLetter, OutboxStats, PendingEvent, RelayStatus,
    lanes::Lane,
    store::{Page, Position, Refused, RowId, Standing, Store, Tenure},
    wake::Wake,
};
use crate::EventError;

/// Private, so that no pool and no connection of it exists.
#[derive(Debug, Clone)]
pub struct NoDatabase(());

/// A store that is never asked.
#[derive(Debug, Clone)]
pub(crate) struct NoStore;

pub(crate) fn no_database() -> EventError {
    EventError::UnsupportedDatabase { database: "any database", feature: "postgres" }
}

#[derive(Debug, Default)]
pub(crate) struct Nowhere;

impl Position for Nowhere {
    fn restart(&mut self) {}

    fn is_new(&self) -> bool {
        true
    }
}

macro_rules! refuse {
    ($($method:ident($($argument:ty),*) -> $answer:ty;)*) => {
        impl Store for NoStore {
            type Position = Nowhere;
            $(async fn $method(&self, $(_: $argument),*) -> Result<$answer, EventError> {
                Err(no_database())
            })*
        }
    };
}

refuse! {
    validate() -> ();
    stand(Uuid, Duration, &Nowhere) -> Standing;
    listen(&Wake) -> ();
    release(Uuid, &[Lane]) -> ();
    leave(Uuid) -> ();
    fetch(&mut Nowhere, &[Lane], i64, i64) -> Page;
    load(&[i64]) -> Page;
    settle(Uuid, &[Lane], &[RowId], bool) -> Tenure;
    refuse(Uuid, Lane, Refused<'_>) -> Tenure;
    bury(Uuid, Lane, Refused<'_>) -> Tenure;
    pending(i64) -> Vec<PendingEvent>;
    dead_letters((i64, Uuid), i64) -> Vec<DeadLetter>;
    dead_letter(Uuid) -> Option<DeadLetter>;
    relays() -> Vec<RelayStatus>;
    requeue(&[Uuid]) -> u64;
    discard(&[Uuid]) -> u64;
    cleanup(Duration, i64) -> u64;
    forget(Duration, i64) -> u64;
    redact(&[Uuid]) -> u64;
    stats() -> OutboxStats;
}
