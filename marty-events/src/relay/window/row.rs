use std::{sync::Arc, time::Instant};

use jiff::Timestamp;

use super::Place;
use crate::outbox::{QueuedRow, RowId};

/// A row that has its place in the window.
#[derive(Debug)]
pub(in crate::relay) struct Row {
    pub(in crate::relay) id: RowId,
    pub(in crate::relay) lane: i32,
    pub(in crate::relay) attempts: u32,
    pub(super) key: Option<Arc<str>>,
    pub(super) place: Place,
    /// The record's key in Kafka, by which it has its partition.
    pub(super) record_key: Option<Arc<str>>,
    pub(in crate::relay) created_at: Timestamp,
    /// The bytes of headers and payload.
    pub(super) size: usize,
    /// Refused together with other rows of its batch, so that it is tried alone next.
    pub(in crate::relay) suspected: bool,
    pub(super) state: State,
    /// Here where it takes room.
    pub(super) event: Option<QueuedRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Behind another row of its key.
    Queued,
    /// Waits to be sent.
    Ready,
    /// The client has it.
    UnderWay { since: Instant },
    /// The client has it, and its destination does not answer.
    SetAside,
    /// Refused; the refusal is not written down yet.
    Judged,
    /// Refused; waits until it is tried again.
    Parked,
    /// To be loaded and tried again.
    Due,
    /// The broker has it; it is still in the outbox.
    Delivered,
    /// Out of the outbox.
    Gone,
}
