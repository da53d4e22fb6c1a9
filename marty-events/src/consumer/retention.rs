//! The inbox forgets events that no topic can bring again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::running::Running;
use crate::{
    config::EventConfig,
    inbox::{Inbox, InboxDatabase},
    kafka::{Retention, longest_retention},
    retry::pauses,
};

/// The most rows that one statement deletes.
const STEP: u32 = 1_000;
/// The pause between two such statements.
const STEP_PAUSE: Duration = Duration::from_millis(100);
/// The pause after which old rows are looked for again.
const PAUSE: Duration = Duration::from_mins(10);
/// The first one after a broker or a database that did not answer, or for a topic that is not there yet. It grows, up to [`PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(15);

/// Deletes old rows of the inbox for as long as it is polled.
pub(super) async fn work<DB: InboxDatabase>(
    running: Arc<Running<DB>>,
    config: EventConfig,
    topics: Vec<String>,
) -> Infallible {
    let mut unanswered = None;
    loop {
        let kept = longest_retention(&config, &topics).await;
        let is_answered = match forgotten_age(running.settings.inbox_retention, kept) {
            Some(age) => forget(&running, age).await,
            None => kept != Retention::Unanswered,
        };
        let pause = if is_answered {
            unanswered = None;
            PAUSE
        } else {
            unanswered.get_or_insert_with(|| pauses(FIRST_PAUSE, PAUSE)).next().unwrap_or(PAUSE)
        };
        tokio::time::sleep(pause).await;
    }
}

/// The age from which events may be forgotten; nothing where none may.
fn forgotten_age(wanted: Duration, kept: Retention) -> Option<Duration> {
    match kept {
        Retention::For(kept) => Some(wanted.max(kept)),
        // The broker does not tell it to this client.
        Retention::Closed => Some(wanted),
        // They may bring a record again at any time. Or that may be so, and the broker tells it later.
        Retention::Forever | Retention::Unanswered => None,
    }
}

/// Answers `false` where the database did not do it.
async fn forget<DB: InboxDatabase>(running: &Running<DB>, age: Duration) -> bool {
    loop {
        match running.inbox.forget(age, STEP).await {
            Ok(rows) if u64::from(STEP) <= rows => tokio::time::sleep(STEP_PAUSE).await,
            Ok(_) => return true,
            Err(error) => {
                tracing::debug!(group = &*running.group, %error, "the inbox is not cleaned now");
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_a_topic_may_bring_again_is_not_forgotten() {
        let [hour, day] = [Duration::from_hours(1), Duration::from_hours(24)];
        for (kept, age) in [
            (Retention::For(day), Some(day)),
            (Retention::For(Duration::ZERO), Some(hour)),
            (Retention::Closed, Some(hour)),
            (Retention::Forever, None),
            (Retention::Unanswered, None),
        ] {
            assert_eq!(forgotten_age(hour, kept), age, "{kept:?}");
        }
    }
}
