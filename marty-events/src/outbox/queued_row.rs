//! Rows as a relay takes them: what Kafka will get, and what their delivery is decided by.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use uuid::Uuid;

use super::encoding::HeaderText;

/// An event on its way from the outbox to Kafka.
pub(crate) struct QueuedRow {
    /// Its place in the outbox.
    pub(crate) seq: i64,
    pub(crate) event_id: Uuid,
    pub(crate) topic: Arc<str>,
    pub(crate) key: Option<Arc<str>>,
    /// Records of the same ordering key keep their order.
    pub(crate) ordering_key: Option<Arc<str>>,
    pub(crate) lane: i32,
    pub(crate) headers: HeaderText,
    pub(crate) payload: Vec<u8>,
    /// When it was written, by the database's clock.
    pub(crate) created_at: Timestamp,
    /// The number of times that the broker has refused it.
    pub(crate) attempts: i32,
}

impl QueuedRow {
    /// The number of bytes that its headers and payload have.
    pub(crate) fn size(&self) -> usize {
        self.payload.len() + self.headers.len()
    }

    pub(crate) fn row_id(&self) -> RowId {
        RowId { seq: self.seq, event_id: self.event_id }
    }
}

/// A row that a relay has: by its number, and by its event, because the number of an outbox that was set back (a restore, a
/// failover to a server that lags behind) is given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowId {
    pub(crate) seq: i64,
    pub(crate) event_id: Uuid,
}

impl RowId {
    /// Numbers and events, each in the order of the rows: statements take them as two lists.
    pub(crate) fn lists(rows: impl IntoIterator<Item = Self>) -> (Vec<i64>, Vec<Uuid>) {
        rows.into_iter().map(|row| (row.seq, row.event_id)).unzip()
    }
}

/// Leaves the payload out, as of what people see.
impl fmt::Debug for QueuedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedRow")
            .field("seq", &self.seq)
            .field("event_id", &self.event_id)
            .field("topic", &self.topic)
            .field("attempts", &self.attempts)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
