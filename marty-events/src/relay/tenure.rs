//! The lanes that the relay has, and the end of its lease.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{PATIENCE, Running, job::Job, within};
use crate::{
    EventError,
    outbox::{Heartbeat, Holding, Lane, Queue, Tally},
};

/// The relay's lanes in one term, and the heartbeat that keeps them.
#[derive(Debug)]
pub(super) struct Tenure {
    pub(super) lanes: Vec<Lane>,
    /// Those that are given to another relay once nothing of them is under way.
    pub(super) leaving: Vec<Lane>,
    heartbeat: Job<Beaten>,
    /// When the next heartbeat is due.
    pub(super) beat_at: Instant,
    /// By this process's clock, which may only make it give up too early: the database's clock decides.
    pub(super) lease_ends: Instant,
    /// The last heartbeat was not answered: the next one asks for nothing but the lease.
    failed: bool,
    pub(super) tally: Tally,
}

/// The end of a heartbeat.
#[derive(Debug)]
pub(super) struct Beaten {
    asked: Instant,
    /// The number of settled events that it reported.
    settled: u64,
    answer: Result<Holding, EventError>,
}

/// The consequence for the lanes.
#[derive(Debug)]
pub(super) enum Kept {
    /// The lanes are the relay's own for another lease; whether the heartbeat before had no answer.
    Held(Holding, bool),
    /// One of them is another relay's.
    Lost,
    Failed(EventError),
}

impl Tenure {
    pub(super) fn new(lanes: Vec<Lane>, tally: Tally, asked: Instant, beat: Duration, lease: Duration) -> Self {
        Self {
            lanes,
            leaving: Vec::new(),
            heartbeat: Job::idle(),
            beat_at: asked + beat,
            lease_ends: asked + lease,
            failed: false,
            tally,
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.heartbeat.is_idle() && self.beat_at <= now
    }

    pub(super) fn is_beating(&self) -> bool {
        !self.heartbeat.is_idle()
    }

    /// When there is something to do for the lanes.
    pub(super) fn due(&self) -> Option<Instant> {
        self.heartbeat.is_idle().then_some(self.beat_at)
    }

    /// So many events are out of the outbox.
    pub(super) fn has_settled(&mut self, count: usize) {
        self.tally.settled += count as u64;
    }

    /// Sends a heartbeat; the answer to a `look` comes with it where the database answers at all.
    pub(super) fn beat<S: Queue>(
        &mut self,
        running: Running<'_, S>,
        delivers: bool,
        mark: Option<String>,
        look: Option<S::Position>,
    ) {
        let Running { store, settings, relay, name, .. } = running;
        let (asked, settled) = (Instant::now(), self.tally.settled);
        let (name, lease) = (Arc::clone(name), settings.lease_time);
        let heartbeat = Heartbeat { relay, name, lease, delivers, mark, tally: self.tally };
        let look = look.filter(|_| !self.failed);
        let store = store.clone();
        self.heartbeat.start(async move {
            let limit = (settings.lease_time / 2).min(PATIENCE);
            let answer = within(limit, store.heartbeat(&heartbeat, look.as_ref())).await;
            Beaten { asked, settled, answer }
        });
    }

    /// The end of the heartbeat that is under way. Cancel safe.
    pub(super) async fn beaten(&mut self) -> Beaten {
        self.heartbeat.done().await
    }

    /// Takes the answer to a heartbeat in; lanes that came with it are the caller's to read.
    pub(super) fn take_in(&mut self, beaten: Beaten, beat: Duration, lease: Duration) -> Kept {
        let Beaten { asked, settled, answer } = beaten;
        let holding = match answer {
            Ok(holding) => holding,
            Err(error) => {
                self.failed = true;
                return Kept::Failed(error);
            }
        };
        let is_back = std::mem::take(&mut self.failed);
        self.tally = Tally { recorded: holding.published, settled: self.tally.settled - settled };
        if !self.lanes.iter().all(|lane| holding.lanes.contains(lane)) {
            return Kept::Lost;
        }
        // Another relay's lanes are there to be taken a moment after its lease is over.
        let takes_over = holding.next_expiry.map_or(beat, |expiry| beat.min(expiry + MOMENT));
        self.beat_at = asked + takes_over;
        self.lease_ends = asked + lease;
        Kept::Held(holding, is_back)
    }

    /// The lanes with these numbers, each once.
    pub(super) fn with_numbers(&self, mut numbers: Vec<i32>) -> Vec<Lane> {
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| self.lanes.iter().copied().find(|lane| lane.number == number)).collect()
    }
}

/// A lease is over when the database's clock has passed its end, and not when it has reached it.
const MOMENT: Duration = Duration::from_millis(20);

/// Gives the lanes back. If this fails the leases simply run out.
pub(super) async fn leave<S: Queue>(Running { store, relay, .. }: Running<'_, S>) {
    if let Err(error) = super::in_time(store.leave(relay)).await {
        tracing::warn!(%relay, %error, "the lanes could not be given back");
    }
}

/// Gives some lanes to another relay. If this fails the leases are renewed, and given away later.
pub(super) async fn release<S: Queue>(running: Running<'_, S>, lanes: &[Lane], mark: Option<&str>) {
    let Running { store, relay, .. } = running;
    if lanes.is_empty() {
        return;
    }
    tracing::info!(%relay, lanes = lanes.len(), "relay gives lanes to another");
    if let Err(error) = super::in_time(store.release(relay, lanes, mark)).await {
        tracing::warn!(%relay, %error, "the lanes could not be given away");
    }
}

/// The first heartbeat of a relay without lanes.
pub(super) async fn stand_by<S: Queue>(
    Running { store, settings, relay, name, .. }: Running<'_, S>,
    delivers: bool,
    tally: Tally,
) -> Result<Holding, EventError> {
    let (name, lease) = (Arc::clone(name), settings.lease_time);
    let heartbeat = Heartbeat { relay, name, lease, delivers, mark: None, tally };
    super::in_time(store.heartbeat(&heartbeat, None)).await
}
