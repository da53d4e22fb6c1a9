//! Counts of the outbox and of its database's inbox, and the pace of deliveries.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use marty_events::{
    EventError, OutboxRepository,
    inbox::{InboxGroup, InboxRepository},
    outbox::{OutboxPool, OutboxStats, RelayStatus},
};
use tokio::sync::Mutex;

use super::history::{History, Lines};
use crate::database::lacks_outbox;

/// The time over which deliveries are counted.
const SPAN: Duration = Duration::from_mins(1);
/// All pages share a look of this age or younger, since it reads the whole index of the backlog.
const FRESH: Duration = Duration::from_secs(1);

/// The limit of a look at the inbox, so that a locked one does not hide the outbox.
const INBOX_LIMIT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Look {
    /// Nothing in the database of a service that handles events and has no outbox.
    pub(super) stats: Option<OutboxStats>,
    pub(super) relays: Vec<RelayStatus>,
    pub(super) inbox: InboxLook,
    pub(super) pace: Option<Pace>,
    /// The last hour, as far as this process has seen it.
    pub(super) lines: Lines,
}

/// The inbox beside the outbox, as far as the console sees it.
#[derive(Debug, Clone)]
pub(super) enum InboxLook {
    Absent,
    Groups(Vec<InboxGroup>),
    /// It is there, and this says why it cannot be read.
    Unread(String),
}

impl InboxLook {
    async fn at(inbox: &InboxRepository) -> Self {
        match tokio::time::timeout(INBOX_LIMIT, inbox.groups()).await {
            Ok(Ok(groups)) => Self::Groups(groups),
            Ok(Err(EventError::InboxTableMissing { .. })) => Self::Absent,
            Ok(Err(error)) => {
                tracing::debug!(?error, "the inbox gave no answer");
                Self::Unread(format!("The inbox gave no answer: {error}."))
            }
            Err(_) => Self::Unread(format!("The inbox has not answered for {} s.", INBOX_LIMIT.as_secs())),
        }
    }

    pub(super) fn groups(&self) -> &[InboxGroup] {
        if let Self::Groups(groups) = self { groups } else { &[] }
    }
}

/// Deliveries a second, over the time between two looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    pub(super) per_second: f64,
    pub(super) over: Duration,
}

/// The looks of the last minute, and samples of the last hour.
#[derive(Default)]
pub(super) struct Watch {
    recent: Mutex<Recent>,
    has_inbox: AtomicBool,
}

#[derive(Default)]
struct Recent {
    last: Option<(Instant, Look)>,
    counts: Counts,
    history: History,
}

impl Watch {
    /// Returns the last look, or asks the database, one task at a time. A dropped future leaves the last look as it was. `maybe_without` is the
    /// pool of an outbox that may be missing.
    pub(super) async fn look(
        &self,
        repository: &OutboxRepository,
        inbox: &InboxRepository,
        maybe_without: Option<&OutboxPool>,
    ) -> Result<Look, EventError> {
        let mut recent = self.recent.lock().await;
        if let Some((_, look)) = recent.last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(look.clone());
        }
        let (stats, relays, inbox) = match repository.stats().await {
            Err(error @ EventError::OutboxTableMissing { .. }) => {
                let Some(pool) = maybe_without else { return Err(error) };
                match self.look_at_inbox(inbox).await {
                    inbox @ InboxLook::Groups(_) if lacks_outbox(pool).await => (None, Vec::new(), inbox),
                    _ => return Err(error),
                }
            }
            stats => (Some(stats?), repository.relays().await?, self.look_at_inbox(inbox).await),
        };
        let now = Instant::now();
        let pace = stats.and_then(|stats| {
            recent.history.note(now, stats.into());
            recent.counts.note(now, stats.published)
        });
        let look = Look { stats, relays, inbox, pace, lines: recent.history.lines(now) };
        recent.last = Some((now, look.clone()));
        Ok(look)
    }

    pub(super) async fn look_at_inbox(&self, inbox: &InboxRepository) -> InboxLook {
        let look = InboxLook::at(inbox).await;
        match look {
            InboxLook::Absent => self.has_seen_inbox(false),
            InboxLook::Groups(_) => self.has_seen_inbox(true),
            InboxLook::Unread(_) => {}
        }
        look
    }

    pub(super) fn has_seen_inbox(&self, is_there: bool) {
        self.has_inbox.store(is_there, Ordering::Relaxed);
    }

    /// True if the last look found an inbox, so that pages lead to it.
    pub(super) fn has_inbox(&self) -> bool {
        self.has_inbox.load(Ordering::Relaxed)
    }
}

/// Counts of deliveries, the oldest first.
#[derive(Default)]
struct Counts(VecDeque<(Instant, u64)>);

impl Counts {
    fn note(&mut self, now: Instant, published: u64) -> Option<Pace> {
        // The counter falls where the outbox was created again or restored.
        if self.0.back().is_some_and(|(_, before)| published < *before) {
            self.0.clear();
        }
        self.0.push_back((now, published));
        // The newest count beyond the span stays, so that rare looks have one to compare with.
        while 2 < self.0.len() && self.0.get(1).is_some_and(|(at, _)| SPAN <= now.duration_since(*at)) {
            self.0.pop_front();
        }
        let (first, before) = self.0.front().filter(|_| 1 < self.0.len())?;
        let over = now.duration_since(*first);
        #[expect(clippy::cast_precision_loss, reason = "no relay delivers 2^53 events a minute")]
        let delivered = (published - before) as f64;
        Some(Pace { per_second: delivered / over.as_secs_f64(), over })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_last_minute() {
        let (mut counts, begin) = (Counts::default(), Instant::now());
        assert_eq!(counts.note(begin, 1_000), None, "one look shows no pace");
        let at = |second: u64| begin + Duration::from_secs(second);
        let pace = |per_second, seconds| Some(Pace { per_second, over: Duration::from_secs(seconds) });
        assert_eq!(counts.note(at(10), 1_050), pace(5.0, 10));
        assert_eq!(counts.note(at(60), 1_050), pace(50.0 / 60.0, 60));
        assert_eq!(counts.note(at(70), 1_050), pace(0.0, 60));
        assert_eq!(counts.note(at(1_000), 1_980), pace(1.0, 930), "the look before, however long ago");
        assert_eq!(counts.note(at(1_010), 10), None, "a counter that fell begins anew");
        assert_eq!(counts.note(at(1_020), 20), pace(1.0, 10));
    }
}
