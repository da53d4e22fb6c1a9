//! The rows that the broker refused, and their next step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::KafkaError;

use super::super::{Running, Settings, circuit::Pauses, job::Job, tenure::Tenure, window::Window, within};
use crate::{
    EventError,
    error::OneLine,
    kafka,
    observe::{Again, RelayMetrics},
    outbox::{Lane, Queue, Refused, Settled},
    retry::pauses,
};

/// The longest wait between two refusals of one event.
const LONGEST_RETRY: Duration = Duration::from_mins(1);
/// The most refusals that one statement writes down.
const BATCH: usize = 500;
/// The longest time of that statement.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause of a row that somebody else has locked in the outbox.
const LOCKED_PAUSE: Duration = Duration::from_secs(1);

/// A row that was refused.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) seq: i64,
    reason: String,
    scope: Scope,
    /// The topic takes no event of this one's size.
    too_large: Option<TooLarge>,
    /// Another try has the same end.
    is_final: bool,
}

/// An event that is too large for its topic.
#[derive(Debug, Clone)]
struct TooLarge {
    topic: Arc<str>,
    size: usize,
}

/// The scope of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Event,
    /// Another row of its batch.
    Batch,
    /// Every row of the topic.
    Topic,
}

impl Refusal {
    pub(super) fn new(seq: i64, error: &KafkaError, scope: Scope, window: &Window) -> Self {
        let too_large = window.topic_and_size(seq).filter(|_| kafka::is_too_large(error));
        let too_large = too_large.map(|(topic, size)| TooLarge { topic, size });
        Self { seq, reason: error.to_string(), scope, too_large, is_final: kafka::is_final(error) }
    }

    /// The reason, with the numbers that it is about.
    fn reason(&self, limits: &BTreeMap<Arc<str>, String>) -> String {
        let Self { reason, too_large, .. } = self;
        let Some(TooLarge { topic, size }) = too_large else { return reason.clone() };
        match limits.get(topic) {
            Some(limit) => {
                format!("{reason}; it has {size} bytes, and the topic `{topic}` takes {limit} (max.message.bytes)")
            }
            None => format!("{reason}; it has {size} bytes, and the topic `{topic}` takes less (max.message.bytes)"),
        }
    }
}

/// Refused rows whose refusal is not in the outbox yet, and how it gets there.
pub(in crate::relay) struct Refusals {
    waiting: Vec<Refusal>,
    max_attempts: u32,
    gives_up: bool,
    retry_delay: Duration,
    not_before: Instant,
    failing: Option<Pauses>,
}

/// Refusals that were written down, or were not.
pub(in crate::relay) struct Judgement {
    refusals: Vec<(Refusal, bool)>,
    answer: Result<Settled, EventError>,
}

impl Refusals {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            waiting: Vec::new(),
            max_attempts: settings.max_attempts,
            gives_up: settings.gives_up,
            retry_delay: settings.retry_delay,
            not_before: Instant::now(),
            failing: None,
        }
    }

    pub(super) fn add(&mut self, refusal: Refusal) {
        self.waiting.push(refusal);
    }

    pub(in crate::relay) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(in crate::relay) fn due(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then_some(self.not_before)
    }

    /// Writes the refusals down that wait.
    pub(in crate::relay) fn start<S: Queue>(
        &mut self,
        Running { store, relay, config, .. }: Running<'_, S>,
        tenure: &Tenure,
        window: &Window,
        job: &mut Job<Judgement>,
    ) {
        if !job.is_idle() || self.waiting.is_empty() || Instant::now() < self.not_before {
            return;
        }
        let some = self.waiting.drain(..self.waiting.len().min(BATCH));
        let refusals: Vec<(Refusal, bool)> = some
            .collect::<Vec<_>>()
            .into_iter()
            .map(|refusal| (self.is_last(&refusal, window), refusal))
            .map(|(is_last, refusal)| (refusal, is_last))
            .collect();
        let mut lanes = Vec::new();
        let mut refused = Vec::new();
        for (refusal, is_buried) in &refusals {
            let Some(row) = window.row(refusal.seq) else { continue };
            lanes.push(row.lane);
            let attempts = i32::try_from(row.attempts.saturating_add(1)).unwrap_or(i32::MAX);
            refused.push((
                Refused { row: row.id, attempts, reason: String::new(), is_buried: *is_buried },
                refusal.clone(),
            ));
        }
        let lanes: Vec<Lane> = tenure.with_numbers(lanes);
        // Only people read a dead letter's numbers, so brokers are asked for those alone.
        let is_dead = |refused: &&(Refused, Refusal)| refused.0.is_buried;
        let topics =
            refused.iter().filter(is_dead).filter_map(|(_, refusal)| Some(refusal.too_large.as_ref()?.topic.clone()));
        let topics: BTreeSet<Arc<str>> = topics.collect();
        let (store, config) = (store.clone(), config.clone());
        job.start(async move {
            let limits =
                if topics.is_empty() { BTreeMap::new() } else { kafka::longest_messages(&config, &topics).await };
            let refused =
                refused.into_iter().map(|(refused, refusal)| Refused { reason: refusal.reason(&limits), ..refused });
            let refused: Vec<Refused> = refused.collect();
            let answer = within(PATIENCE, store.judge(relay, &lanes, &refused)).await;
            Judgement { refusals, answer }
        });
    }

    /// Acts on refusals that were written down. Answers `false` where another relay has one of the lanes.
    pub(in crate::relay) fn take_in(
        &mut self,
        judgement: Judgement,
        window: &mut Window,
        metrics: &RelayMetrics,
    ) -> bool {
        let Judgement { refusals, answer } = judgement;
        match answer {
            Ok(Settled::Lost) => return false,
            Ok(Settled::Except(locked)) => {
                if self.failing.take().is_some() {
                    tracing::info!("refusals are written down again");
                }
                for (refusal, is_buried) in refusals {
                    if locked.contains(&refusal.seq) {
                        self.not_before = Instant::now() + LOCKED_PAUSE;
                        self.waiting.push(refusal);
                    } else {
                        self.act_on(&refusal, is_buried, window, metrics);
                    }
                }
            }
            Err(error) => {
                let pauses = self.failing.get_or_insert_with(|| {
                    tracing::warn!(%error, "refusals cannot be written down; the refused events wait, and others go on");
                    Pauses::new()
                });
                self.not_before = Instant::now() + pauses.next();
                self.waiting.extend(refusals.into_iter().map(|(refusal, _)| refusal));
            }
        }
        true
    }

    /// Acts on all that wait, as if they were written down at once; answers which rows are dead letters now.
    #[cfg(test)]
    pub(super) fn written_down(&mut self, window: &mut Window, metrics: &RelayMetrics) -> Vec<i64> {
        let refusals = std::mem::take(&mut self.waiting).into_iter();
        let refusals: Vec<(Refusal, bool)> = refusals
            .map(|refusal| (self.is_last(&refusal, window), refusal))
            .map(|(last, refusal)| (refusal, last))
            .collect();
        let dead = refusals.iter().filter(|(_, is_buried)| *is_buried).map(|(refusal, _)| refusal.seq).collect();
        self.take_in(Judgement { refusals, answer: Ok(Settled::Except(Vec::new())) }, window, metrics);
        dead
    }

    fn act_on(&self, refusal: &Refusal, is_buried: bool, window: &mut Window, metrics: &RelayMetrics) {
        let Some(row) = window.row(refusal.seq) else { return };
        let (event_id, attempts, reason) = (row.id.event_id, row.attempts + 1, OneLine(&refusal.reason));
        metrics.refused();
        if is_buried {
            tracing::error!(%event_id, attempts, %reason, "event moved to the dead letters");
            metrics.buried();
            if refusal.scope == Scope::Topic {
                window.topic_is_lost(refusal.seq);
            }
            window.buried(refusal.seq, Instant::now());
            return;
        }
        if self.max_attempts <= attempts {
            tracing::error!(%event_id, attempts, %reason, "the broker goes on refusing an event, and its ordering key waits");
        } else {
            tracing::warn!(%event_id, attempts, %reason, "the broker refused an event; it is tried again");
        }
        metrics.sends_again(Again::Refusal);
        let pause = pauses(self.retry_delay, LONGEST_RETRY).nth(attempts as usize - 1).unwrap_or(LONGEST_RETRY);
        window.refused(refusal.seq, Instant::now() + pause, refusal.scope == Scope::Batch);
    }

    /// A row that was refused with its batch is tried alone in any case. Then an answer that cannot change ends it. A row of a topic that has refused everything for so long is
    /// not tried again.
    fn is_last(&self, refusal: &Refusal, window: &Window) -> bool {
        let Some(row) = window.row(refusal.seq) else { return false };
        let is_spent = self.max_attempts <= row.attempts + 1;
        self.gives_up
            && match refusal.scope {
                Scope::Event => is_spent || refusal.is_final,
                Scope::Batch => (is_spent || refusal.is_final) && row.suspected,
                Scope::Topic => is_spent || refusal.is_final || window.is_of_lost_topic(refusal.seq),
            }
    }
}
