//! The gauges of the inbox.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use super::running::Running;
use crate::inbox::{Inbox, InboxDatabase};

/// The pause between two counts. It grows where a count takes longer than a hundredth of it.
const PAUSE: Duration = Duration::from_secs(15);

/// Counts the parked events and the dead letters for as long as it is polled.
pub(super) async fn work<DB: InboxDatabase>(running: Arc<Running<DB>>) -> Infallible {
    loop {
        let begun = Instant::now();
        match running.inbox.stats().await {
            Ok(stats) => running.metrics.counted(&stats),
            Err(error) => tracing::debug!(group = &*running.group, %error, "the inbox is not counted now"),
        }
        tokio::time::sleep(PAUSE.max(begun.elapsed() * 100)).await;
    }
}
