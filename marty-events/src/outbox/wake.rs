//! Telling the relays of this process that there may be something to deliver.

use tokio::sync::Notify;

static WRITTEN: Notify = Notify::const_new();

/// An event was written, in a transaction that is not committed yet: look soon, and a few times.
pub(crate) fn nudge() {
    WRITTEN.notify_waiters();
    WRITTEN.notify_one();
}

/// Ends at the next nudge, or at once if one came since the last wait. Cancel safe.
pub(crate) async fn nudged() {
    WRITTEN.notified().await;
}
