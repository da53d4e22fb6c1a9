use super::super::{routes::Work, running::Running};
use crate::inbox::InboxDatabase;

/// The end of a record's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Handled,
    /// The group had taken it before.
    Duplicate,
    /// Its handler failed.
    Parked,
    /// It waits behind others of its key.
    Behind,
}

pub(super) fn note<DB: InboxDatabase>(running: &Running<DB>, work: &Work, end: End) {
    let metrics = &running.metrics;
    match end {
        End::Handled => metrics.handled(running.routes.route(work.handler).description.name, work.delivery().timestamp),
        End::Duplicate => {
            metrics.dropped();
            tracing::debug!(group = &*running.group, event_id = work.identity().event_id, "the event was taken before");
        }
        End::Parked => {
            metrics.parked();
            running.parked.notify_one();
        }
        // The one before it is tried first: a key that fails often would wake somebody for each event that comes after it.
        End::Behind => metrics.parked(),
    }
}
