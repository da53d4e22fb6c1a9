//! Keeps the gauges of the outbox fresh.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{observe, outbox::Queue};

/// The pause after a count is so many times as long as the count. A count reads the index of the whole backlog, so a count of a large one
/// is slow.
const SHARE: u32 = 100;
/// The longest time of a count.
const LIMIT: Duration = Duration::from_mins(1);

/// Counts waiting and dead events for ever, with pauses of `pause` at the least.
pub(in crate::relay) async fn watch<S: Queue>(store: &S, outbox: &Arc<str>, pause: Duration) -> Infallible {
    loop {
        let begun = Instant::now();
        match tokio::time::timeout(LIMIT, store.stats()).await {
            Ok(Ok(stats)) => observe::show_backlog(outbox, &stats),
            // The relay itself tells of a database that is away; the time of the last count tells of the gauges.
            Ok(Err(error)) => tracing::debug!(%error, "the outbox was not counted"),
            Err(_) => tracing::debug!(limit = ?LIMIT, "the outbox was not counted in time"),
        }
        tokio::time::sleep(pause.max(begun.elapsed() * SHARE)).await;
    }
}
