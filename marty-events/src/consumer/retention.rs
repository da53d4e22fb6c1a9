//! The inbox forgets events that no topic can bring again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::running::Running;
use crate::{
    config::EventConfig,
    inbox::{Inbox, InboxDatabase},
    kafka::{Retention, longest_retention},
};

/// The most rows that one statement deletes.
const STEP: u32 = 1_000;
/// The pause between two such statements.
const STEP_PAUSE: Duration = Duration::from_millis(100);
/// The pause after which old rows are looked for again.
const PAUSE: Duration = Duration::from_mins(10);

/// Deletes old rows of the inbox for as long as it is polled.
pub(super) async fn work<DB: InboxDatabase>(
    running: Arc<Running<DB>>,
    config: EventConfig,
    topics: Vec<String>,
) -> Infallible {
    loop {
        let wanted = running.settings.inbox_retention;
        match longest_retention(&config, &topics).await {
            Retention::For(kept) => forget(&running, wanted.max(kept)).await,
            // The broker does not tell it to this client.
            Retention::Closed => forget(&running, wanted).await,
            // They may bring a record again at any time. Or that may be so, and the broker tells it later.
            Retention::Forever | Retention::Unanswered => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn forget<DB: InboxDatabase>(running: &Running<DB>, age: Duration) {
    loop {
        match running.inbox.forget(age, STEP).await {
            Ok(rows) if u64::from(STEP) <= rows => tokio::time::sleep(STEP_PAUSE).await,
            Ok(_) => return,
            Err(error) => {
                tracing::debug!(group = &*running.group, %error, "the inbox is not cleaned now");
                return;
            }
        }
    }
}
