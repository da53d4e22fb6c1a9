//! What stands in for a database when none is built in: types that nothing makes, so that the rest compiles alike.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    DeadLetter, DeadLetterFilter, DeadLetterPlace, OutboxStats, PendingEvent, RelayStatus,
    inspect::Inspect,
    lanes::Lane,
    queue::{Heartbeat, Holding, Page, Position, Queue, Refused, Settled},
    wake::Wake,
};
use crate::{EventError, outbox::RowId};

/// A store that is never asked.
#[derive(Debug, Clone)]
pub(crate) struct NoStore;

pub(crate) fn no_database() -> EventError {
    EventError::UnsupportedDatabase { database: "any database", feature: "postgres" }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Nowhere;

impl Position for Nowhere {
    fn resume(_: &[Option<String>]) -> Self {
        Self
    }

    fn mark(&self, _: Option<i64>) -> Option<String> {
        None
    }

    fn low(&self) -> i64 {
        i64::MIN
    }

    fn reached(&self) -> i64 {
        i64::MIN
    }

    fn is_new(&self) -> bool {
        true
    }
}

macro_rules! refuse {
    ($trait:ident { $($items:tt)* } $($method:ident($($argument:ty),*) -> $answer:ty;)*) => {
        impl $trait for NoStore {
            $($items)*
            $(async fn $method(&self, $(_: $argument),*) -> Result<$answer, EventError> {
                Err(no_database())
            })*
        }
    };
}

refuse! {
    Queue { type Position = Nowhere; }
    validate() -> ();
    heartbeat(&Heartbeat, Option<&Nowhere>) -> Holding;
    listen(&Wake) -> ();
    release(Uuid, &[Lane], Option<&str>) -> ();
    leave(Uuid) -> ();
    fetch(&mut Nowhere, &[Lane], i64, i64) -> Page;
    load(&[i64]) -> Page;
    reread(&Nowhere, (i64, i64), &[Lane], i64, i64) -> Page;
    first_between(i64, i64) -> Option<i64>;
    settle(Uuid, &[Lane], &[RowId], bool) -> Settled;
    judge(Uuid, &[Lane], &[Refused]) -> Settled;
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

refuse! {
    Inspect {}
    clock() -> Timestamp;
    pending_after(i64, i64) -> Vec<PendingEvent>;
    last_pending() -> Option<i64>;
    topics() -> Vec<String>;
    find_dead(&DeadLetterFilter, i64) -> Vec<DeadLetter>;
    locate_dead(&DeadLetterFilter, i64) -> Vec<DeadLetterPlace>;
    count_dead(&DeadLetterFilter) -> u64;
    count_published(Duration) -> u64;
}
