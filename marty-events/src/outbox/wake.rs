//! Telling relays that there may be something to do, before their next look.

use tokio::sync::Notify;

static WRITTEN: Notify = Notify::const_new();

/// An event was written in this process, in a transaction that is not committed yet: look soon, and a few times.
pub(crate) fn nudge() {
    WRITTEN.notify_waiters();
    WRITTEN.notify_one();
}

/// Ends at the next nudge, or at once if one came since the last wait. Cancel safe.
pub(crate) async fn nudged() {
    WRITTEN.notified().await;
}

/// The database's news for a relay of other processes' doings.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    rows: Notify,
    lanes: Notify,
    listening: Notify,
}

impl Wake {
    /// Events were committed.
    pub(crate) fn rows(&self) {
        self.rows.notify_one();
    }

    /// Lanes were given back.
    #[cfg(feature = "postgres")]
    pub(crate) fn lanes(&self) {
        self.lanes.notify_one();
    }

    /// Announcements come from now on, until the connection for them is lost.
    #[cfg(feature = "postgres")]
    pub(crate) fn listens(&self) {
        self.listening.notify_one();
    }

    /// Ends when listening began, or has since the last wait. Cancel safe.
    pub(crate) async fn listening_began(&self) {
        self.listening.notified().await;
    }

    /// Ends when rows came, or have come since the last wait. Cancel safe.
    pub(crate) async fn rows_came(&self) {
        self.rows.notified().await;
    }

    /// Ends when lanes came free, or have since the last wait. Cancel safe.
    pub(crate) async fn lanes_came(&self) {
        self.lanes.notified().await;
    }
}
