//! One term as the relay that works.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{
    Settings,
    circuit::Circuit,
    pauses,
    producer::{RelayProducer, Report},
    window::Window,
};
use crate::{
    EventError,
    config::EventConfig,
    kafka::Verdict,
    observe::Metrics,
    outbox::{Lease, Page, Store, Tenure, nudged},
};

/// The shortest pause between two looks into the outbox, while events are flowing.
const BUSY_POLL: Duration = Duration::from_millis(5);
/// The longest wait between two refusals of one event.
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// Works under `lease`, which was asked for at `asked`, until it is lost, or until `stop` and everything under way is settled.
pub(super) async fn lead<S: Store>(
    store: &S,
    config: &EventConfig,
    settings: Settings,
    lease: Lease,
    asked: Instant,
    stop: &CancellationToken,
) -> Result<(), EventError> {
    let now = Instant::now();
    let mut term = Term {
        store,
        config,
        settings,
        lease,
        producer: RelayProducer::new(config)?,
        producer_lost: false,
        metrics: Metrics::new(config.counts()),
        window: Window::default(),
        refusals: Vec::new(),
        database: Circuit::new("outbox database"),
        broker: Circuit::new("broker"),
        poll_pause: BUSY_POLL,
        poll_at: now,
        renew_at: asked + settings.lease_time / 3,
        lease_ends: asked + settings.lease_time,
        database_at: now,
        send_at: now,
        drain_until: None,
    };
    term.work(stop).await
}

struct Term<'a, S> {
    store: &'a S,
    config: &'a EventConfig,
    settings: Settings,
    lease: Lease,
    producer: RelayProducer,
    /// The producer can send nothing more, and is replaced once it has reported on everything it had.
    producer_lost: bool,
    metrics: Metrics,
    window: Window,
    /// Refused rows whose refusal is not in the database yet.
    refusals: Vec<Refusal>,
    database: Circuit,
    broker: Circuit,
    poll_pause: Duration,
    poll_at: Instant,
    renew_at: Instant,
    /// By this process's clock, which may only make it give up too early: the database's clock decides.
    lease_ends: Instant,
    /// Not before this is the database asked again.
    database_at: Instant,
    /// Not before this is anything sent again.
    send_at: Instant,
    drain_until: Option<Instant>,
}

struct Refusal {
    seq: i64,
    reason: String,
    with_batch: bool,
}

impl<S: Store> Term<'_, S> {
    async fn work(&mut self, stop: &CancellationToken) -> Result<(), EventError> {
        loop {
            while let Some(report) = self.producer.report_now() {
                self.note(report);
            }
            self.replace_lost_producer()?;
            if stop.is_cancelled() && self.drain_until.is_none() {
                self.drain_until = Some(Instant::now() + self.settings.drain_time);
            }
            if self.database_at <= Instant::now() {
                match self.ask_database().await {
                    Ok(Tenure::Held) => self.database.works(),
                    Ok(Tenure::Lost) => {
                        tracing::warn!(term = self.lease.term, "another relay has taken over");
                        self.producer.purge();
                        return Ok(());
                    }
                    Err(error) => self.database_at = Instant::now() + self.database.failed(&error),
                }
            }
            self.window.unpark(Instant::now());
            self.send();
            if let Some(limit) = self.drain_until
                && (self.is_drained() || limit <= Instant::now())
            {
                return self.finish().await;
            }
            self.wait(stop).await;
        }
    }

    /// Everything that is due in the database: the lease, settled and refused rows, a page of new ones.
    async fn ask_database(&mut self) -> Result<Tenure, EventError> {
        if self.renew_at <= Instant::now() {
            let asked = Instant::now();
            if self.store.renew(self.lease, self.settings.lease_time).await? == Tenure::Lost {
                return Ok(Tenure::Lost);
            }
            self.renew_at = asked + self.settings.lease_time / 3;
            self.lease_ends = asked + self.settings.lease_time;
        }
        let delivered = self.window.unsettled();
        if !delivered.is_empty() {
            let count = delivered.len();
            if self.store.settle(self.lease, delivered).await? == Tenure::Lost {
                return Ok(Tenure::Lost);
            }
            self.window.settled(count);
            self.metrics.relayed(count);
        }
        while let Some(refusal) = self.refusals.last() {
            if self.settle_refusal(refusal).await? == Tenure::Lost {
                return Ok(Tenure::Lost);
            }
            if let Some(refusal) = self.refusals.pop() {
                self.act_on(&refusal);
            }
        }
        if self.wants_rows() && self.poll_at <= Instant::now() {
            self.read().await?;
        }
        Ok(Tenure::Held)
    }

    async fn settle_refusal(&self, refusal: &Refusal) -> Result<Tenure, EventError> {
        if self.is_last_attempt(refusal.seq) {
            self.store.bury(self.lease, refusal.seq, &refusal.reason).await
        } else {
            self.store.refuse(self.lease, refusal.seq, &refusal.reason).await
        }
    }

    fn act_on(&mut self, refusal: &Refusal) {
        let attempts = self.window.attempts(refusal.seq) + 1;
        let buried = self.is_last_attempt(refusal.seq);
        self.metrics.refused();
        if let Some(event) = self.window.event(refusal.seq) {
            let reason = refusal.reason.as_str();
            if buried {
                tracing::error!(event_id = %event.event_id, topic = %event.topic, attempts, reason,
                    "event moved to the dead letters");
            } else {
                tracing::warn!(event_id = %event.event_id, topic = %event.topic, attempts, reason,
                    "the broker refused an event; it is tried again");
            }
        }
        if buried {
            self.metrics.buried();
            self.window.buried(refusal.seq);
        } else {
            let pause = pauses(self.settings.retry_delay, LONGEST_RETRY).nth(attempts as usize - 1);
            let retry_at = Instant::now() + pause.unwrap_or(LONGEST_RETRY);
            self.window.refused(refusal.seq, retry_at, refusal.with_batch);
        }
        // The rows that waited behind it are in the outbox only.
        self.poll_soon();
    }

    fn is_last_attempt(&self, seq: i64) -> bool {
        self.settings.max_attempts <= self.window.attempts(seq) + 1
    }

    async fn read(&mut self) -> Result<(), EventError> {
        let room = self.settings.in_flight as usize - self.window.len();
        let limit = room.min(self.settings.batch_size as usize);
        let (seqs, keys) = self.window.exclusions();
        let Page { rows, unreadable } =
            self.store.fetch(i64::try_from(limit).unwrap_or(i64::MAX), &seqs, &keys).await?;
        let read = rows.len() + unreadable.len();
        for row in unreadable {
            if self.window.set_aside(row.seq, row.ordering_key) {
                tracing::error!(error = %row.error, "a row of the outbox is left alone");
            }
        }
        for event in rows {
            self.window.admit(event);
        }
        self.poll_pause = match read {
            0 => (self.poll_pause * 2).min(self.settings.idle_poll),
            _ => BUSY_POLL,
        };
        self.poll_at = Instant::now() + if read < limit { self.poll_pause } else { Duration::ZERO };
        Ok(())
    }

    fn wants_rows(&self) -> bool {
        self.drain_until.is_none() && self.window.len() < self.settings.in_flight as usize
    }

    fn poll_soon(&mut self) {
        self.poll_pause = BUSY_POLL;
        self.poll_at = Instant::now();
    }

    fn send(&mut self) {
        // A relay that may have been replaced already sends nothing more.
        while self.may_send() {
            let Some(event) = self.window.take() else { return };
            let seq = event.seq;
            if let Err(error) = self.producer.send(event) {
                self.note(Report { seq, result: Err(error) });
            }
        }
    }

    fn may_send(&self) -> bool {
        let now = Instant::now();
        self.drain_until.is_none() && !self.producer_lost && self.send_at <= now && now < self.lease_ends
    }

    fn note(&mut self, report: Report) {
        let Report { seq, result } = report;
        let Err(error) = result else {
            self.broker.works();
            self.window.delivered(seq);
            return;
        };
        match Verdict::of(&error) {
            verdict @ (Verdict::Refused | Verdict::BatchRefused) => {
                let with_batch = verdict == Verdict::BatchRefused;
                self.refusals.push(Refusal { seq, reason: error.to_string(), with_batch });
            }
            Verdict::Outage => {
                self.window.put_back(seq);
                self.send_at = Instant::now() + self.broker.failed(&error);
            }
            Verdict::ProducerLost => {
                self.window.put_back(seq);
                self.send_at = Instant::now() + self.broker.failed(&error);
                self.producer_lost = true;
                self.producer.purge();
            }
        }
    }

    fn replace_lost_producer(&mut self) -> Result<(), EventError> {
        if self.producer_lost && self.window.under_way() == self.refusals.len() {
            self.producer = RelayProducer::new(self.config)?;
            self.producer_lost = false;
        }
        Ok(())
    }

    fn is_drained(&self) -> bool {
        self.window.under_way() == 0 && self.window.unsettled().is_empty() && self.refusals.is_empty()
    }

    async fn finish(&mut self) -> Result<(), EventError> {
        let left = self.window.under_way() + self.window.unsettled().len();
        if 0 < left {
            tracing::warn!(events = left, "stopped before all that was sent was settled; it is sent again later");
        }
        self.producer.purge();
        // Without it the lease simply runs out.
        if let Err(error) = self.store.release(self.lease).await {
            tracing::warn!(%error, "the lease could not be given back");
        }
        Ok(())
    }

    /// Until something happens or something is due.
    async fn wait(&mut self, stop: &CancellationToken) {
        let due = [
            Some(self.renew_at.max(self.database_at)),
            (!self.window.unsettled().is_empty() || !self.refusals.is_empty()).then_some(self.database_at),
            self.wants_rows().then(|| self.poll_at.max(self.database_at)),
            self.window.next_retry(),
            (Instant::now() < self.send_at).then_some(self.send_at),
            self.drain_until,
        ];
        let due = due.into_iter().flatten().min().unwrap_or_else(Instant::now);
        tokio::select! {
            report = self.producer.report() => {
                if let Some(report) = report {
                    self.note(report);
                }
            }
            () = tokio::time::sleep_until(due.into()) => {}
            () = nudged(), if self.drain_until.is_none() => self.poll_soon(),
            () = stop.cancelled(), if self.drain_until.is_none() => {}
        }
    }
}
