//! The way of a row from the window to the broker, and its end there.

mod bundles;
#[cfg(test)]
mod by_chance;
mod check;
mod client_events;
mod opaque;
mod producer;
mod refusals;
mod reporter;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::KafkaError;

use super::{
    Running, Settings,
    circuit::Circuit,
    health::HealthCell,
    window::{Limits, Window},
};
use crate::{
    EventError,
    config::EventConfig,
    kafka::{Partitioner, Verdict},
    observe::{Again, RelayMetrics, SendSpans},
};

pub(super) use client_events::{ClientEvent, Report};
pub(super) use producer::RelayProducer;
pub(super) use refusals::{Judgement, Refusals};

use check::BrokerCheck;
use refusals::{Refusal, Scope};

/// A broker that owes every answer for longer makes the relay not ready.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(10);
/// A relay whose broker is out of reach for longer leaves its lanes to relays that deliver. If all relays lose the broker at once, all
/// have found out by then.
const CUT_OFF: Duration = Duration::from_secs(3);
/// Delivered rows wait so long for company, unless they are a batch before: a settlement costs a commit, however few it is for.
pub(super) const SETTLE_PAUSE: Duration = Duration::from_millis(10);
/// The pause of a row that failed for an unclear reason.
const UNCLEAR_PAUSE: Duration = Duration::from_secs(1);

/// The send window of one term, and all that it needs for sending.
pub(super) struct Delivery {
    pub(super) window: Window,
    producer: RelayProducer,
    /// The producer can send nothing more, and is replaced once it has reported on everything that it had.
    producer_lost: bool,
    pub(super) refusals: Refusals,
    pub(super) metrics: RelayMetrics,
    spans: SendSpans,
    check: BrokerCheck,
    /// Not before this is anything sent again.
    send_at: Instant,
    /// When delivered rows are settled, at the latest.
    pub(super) settle_at: Option<Instant>,
    /// Since when there has been something to deliver, and no answer from the broker.
    unanswered: Option<Instant>,
    /// When the broker answered last; the term's beginning before that.
    answered_at: Instant,
    /// Events that were not taken for a reason that is not clear, since a line in the log said so.
    unclear: usize,
    warned_at: Option<Instant>,
    health: HealthCell,
}

impl Delivery {
    pub(super) fn new(
        settings: &Settings,
        config: &EventConfig,
        outbox: &Arc<str>,
        health: &HealthCell,
        producer: RelayProducer,
    ) -> Self {
        let limits = Limits::new(settings.in_flight as usize, settings.in_flight_bytes);
        let property = config.producer_properties().find(|(name, _)| *name == "partitioner").map(|(_, value)| value);
        Self {
            window: Window::new(limits, Partitioner::of(property)),
            producer,
            producer_lost: false,
            refusals: Refusals::new(settings),
            metrics: RelayMetrics::new(config.counts(), outbox),
            spans: SendSpans::new(config.traces()),
            check: BrokerCheck::default(),
            send_at: Instant::now(),
            settle_at: None,
            unanswered: None,
            answered_at: Instant::now(),
            unclear: 0,
            warned_at: None,
            health: health.clone(),
        }
    }

    /// The next report of the client. Cancel safe.
    pub(super) async fn event(&mut self) -> Option<ClientEvent> {
        self.producer.event().await
    }

    /// Takes in all that the client has said.
    pub(super) fn hear_all(&mut self, broker: &mut Circuit) {
        while let Some(event) = self.producer.event_now() {
            self.hear(event, broker);
        }
        if self.window.is_torn() {
            self.producer.drop_bundles();
        }
    }

    pub(super) fn hear(&mut self, event: ClientEvent, broker: &mut Circuit) {
        match event {
            ClientEvent::Report(report) => self.report(report, broker),
            ClientEvent::Unreachable(error) if 0 < self.window.awaited() => broker.opens(&error),
            ClientEvent::Unreachable(_) => self.check.doubt(),
            ClientEvent::Checked(answer) => self.checked(answer, broker),
        }
    }

    /// Hands the rows that may be sent to the client.
    pub(super) fn send(&mut self, broker: &mut Circuit) {
        let now = Instant::now();
        while !self.producer_lost && self.send_at <= now {
            let Some(event) = self.window.take(now) else { return };
            let seq = event.seq;
            if self.send_bundle(seq, now, broker) {
                continue;
            }
            let Some(event) = self.window.event(seq) else { continue };
            self.spans.begin(event);
            if let Err(error) = self.producer.send(event) {
                self.report(Report { seq, result: Err(error) }, broker);
            }
        }
    }

    /// Sends the row `seq`, which was taken, with the next ones of its key; answers `false` where it goes alone.
    fn send_bundle(&mut self, seq: i64, now: Instant, broker: &mut Circuit) -> bool {
        if !self.window.may_bundle(seq) || !self.producer.makes_bundles() {
            return false;
        }
        let bundle = self.window.take_bundle(seq, now);
        let events: Vec<_> = bundle.iter().filter_map(|seq| self.window.event(*seq)).collect();
        for event in &events {
            self.spans.begin(event);
        }
        if let Err((taken, error)) = self.producer.send_bundle(&events) {
            for seq in bundle.into_iter().skip(taken) {
                self.report(Report { seq, result: Err(error.clone()) }, broker);
            }
        }
        true
    }

    /// Takes note of how long there has been no answer, and asks the broker for a sign of life where that is too long.
    pub(super) fn look(&mut self, broker: &Circuit, is_draining: bool) {
        let now = Instant::now();
        let has_work = 0 < self.window.under_way() || self.window.has_ready();
        self.unanswered = if has_work { self.unanswered.or(Some(now)) } else { None };
        self.health.is_unanswered(self.unanswered.is_some_and(|since| ANSWER_TIME <= now.duration_since(since)));
        let oldest = self.window.oldest_awaited();
        let is_away = broker.open_since().is_some();
        if let Some(then) = self.check.look(now, oldest, is_away, self.window.awaited(), is_draining) {
            self.producer.check(self.window.late_topics(then));
        }
    }

    /// When there is something to do but for an answer. A relay on its way out tries nothing again, and asks nobody.
    pub(super) fn due(&mut self, is_draining: bool) -> Option<Instant> {
        let now = Instant::now();
        let oldest = self.window.oldest_awaited();
        let answer = self.unanswered.map(|since| since + ANSWER_TIME).filter(|at| now < *at);
        let send = Some(self.send_at).filter(|at| now < *at);
        let again = [self.window.next_retry(), self.check.due(oldest)].into_iter().filter(|_| !is_draining);
        again.chain([send, answer]).flatten().min()
    }

    fn report(&mut self, report: Report, broker: &mut Circuit) {
        let Report { seq, result } = report;
        self.spans.end(seq, result.as_ref().err());
        let Err(error) = result else {
            self.answered(broker);
            if let Some(row) = self.window.row(seq) {
                self.metrics.acknowledged(row.created_at);
            }
            self.window.delivered(seq);
            self.settle_at.get_or_insert_with(|| Instant::now() + SETTLE_PAUSE);
            return;
        };
        if self.window.is_bundled(seq) {
            return self.unbundle(seq, &error, broker);
        }
        let refused = |scope, window: &Window| Refusal::new(seq, &error, scope, window);
        match Verdict::of(&error) {
            Verdict::Refused => self.refuse(refused(Scope::Event, &self.window), broker),
            Verdict::BatchRefused => self.refuse(refused(Scope::Batch, &self.window), broker),
            Verdict::TopicRefused => {
                if self.window.topic_refused(seq) {
                    self.refuse(refused(Scope::Topic, &self.window), broker);
                } else {
                    self.answered(broker);
                    self.metrics.sends_again(Again::Refusal);
                }
            }
            // Rows that were purged with a lost producer are sent by its successor.
            Verdict::Unclear if self.producer_lost => {
                self.window.put_back(seq);
                self.metrics.sends_again(Again::Outage);
            }
            Verdict::Unclear => {
                self.answered(broker);
                self.metrics.sends_again(Again::Outage);
                self.warn_of_unclear(&error);
                self.window.postpone(seq, Instant::now() + UNCLEAR_PAUSE);
            }
            verdict @ (Verdict::Outage | Verdict::ProducerLost) => {
                self.window.put_back(seq);
                self.metrics.sends_again(Again::Outage);
                self.suffer_outage(&error, verdict == Verdict::ProducerLost, broker);
            }
        }
    }

    fn suffer_outage(&mut self, error: &KafkaError, is_lost: bool, broker: &mut Circuit) {
        self.send_at = Instant::now() + broker.failed(&self.producer.outage(error));
        if is_lost {
            self.producer_lost = true;
            self.producer.purge();
        }
    }

    /// A failed bundle counts against none of its rows: they are sent one by one, and each gets a verdict of its own.
    fn unbundle(&mut self, seq: i64, error: &KafkaError, broker: &mut Circuit) {
        if let Some((first, last)) = self.window.bundle_of(seq).filter(|(first, _)| *first == seq) {
            let topic = self.window.topic_and_size(seq).map(|(topic, _)| topic).unwrap_or_default();
            tracing::debug!(%topic, first, last, %error, "a bundle was not taken; its events are sent one by one");
        }
        self.window.unbundle(seq);
        match Verdict::of(error) {
            Verdict::Unclear => self.metrics.sends_again(Again::Outage),
            verdict @ (Verdict::Outage | Verdict::ProducerLost) => {
                self.metrics.sends_again(Again::Outage);
                self.suffer_outage(error, verdict == Verdict::ProducerLost, broker);
            }
            Verdict::Refused | Verdict::BatchRefused | Verdict::TopicRefused => {
                self.answered(broker);
                self.metrics.sends_again(Again::Refusal);
            }
        }
    }

    /// Thousands of events may meet the same.
    fn warn_of_unclear(&mut self, error: &KafkaError) {
        self.unclear += 1;
        if self.warned_at.is_some_and(|at| at.elapsed() < ANSWER_TIME) {
            return;
        }
        tracing::warn!(events = self.unclear, %error, "events were not taken; they are tried again, and others go on");
        (self.unclear, self.warned_at) = (0, Some(Instant::now()));
    }

    /// The broker has answered, be it with a refusal.
    fn answered(&mut self, broker: &mut Circuit) {
        self.unanswered = None;
        self.answered_at = Instant::now();
        broker.works();
    }

    /// The time since the broker's last answer.
    pub(super) fn silence(&self) -> Duration {
        self.answered_at.elapsed()
    }

    fn refuse(&mut self, refusal: Refusal, broker: &mut Circuit) {
        self.answered(broker);
        if self.window.judge(refusal.seq) {
            self.refusals.add(refusal);
        } else {
            // Too many wait to be judged; it comes again when they have been.
            self.metrics.sends_again(Again::Refusal);
        }
    }

    /// Takes a new producer where the last one can send nothing more; answers `false` where there is none to be had, so that
    /// another relay should have the lanes.
    pub(super) fn replace_lost_producer(&mut self, config: &EventConfig) -> bool {
        if !self.producer_lost || Instant::now() < self.send_at || 0 < self.window.under_way() {
            return true;
        }
        let Ok(producer) = RelayProducer::new(config) else { return false };
        self.producer = producer;
        self.producer_lost = false;
        self.check = BrokerCheck::default();
        true
    }

    /// Drops the rows that were not sent yet, so that nothing leaves after the lease is gone.
    pub(super) fn purge(&self) {
        self.producer.purge();
    }

    pub(super) fn oldest_age(&self) -> f64 {
        let now = jiff::Timestamp::now();
        self.window.oldest().map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64().max(0.0))
    }
}

/// Records reach the broker, as far as is known.
pub(super) fn delivers(broker: &Circuit) -> bool {
    broker.open_since().is_none_or(|since| since.elapsed() < CUT_OFF)
}

/// One more look at the broker for a relay that has left its lanes, because it did not reach it.
pub(super) async fn is_back<S>(
    Running { config, .. }: Running<'_, S>,
    broker: &mut Circuit,
) -> Result<RelayProducer, Duration> {
    let tried: Result<RelayProducer, EventError> = RelayProducer::new(config);
    match tried {
        Err(error) => Err(broker.failed(&error)),
        Ok(producer) => match producer.answers().await {
            Ok(()) => {
                broker.works();
                Ok(producer)
            }
            Err(error) => Err(broker.failed(&error)),
        },
    }
}
