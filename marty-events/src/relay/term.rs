//! One term of a relay: from when it has lanes until it stops, loses one of them or has to share.
//!
//! The loop awaits nothing but the next thing that happens. The heartbeat, the reads, the settlement, the judgement of refused rows and
//! maintenance go on beside it, one of each kind at a time, each with a limit of its own.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::{
    Dependencies, Running,
    delivery::{ANSWER_TIME, Delivery, Judgement, RelayProducer, delivers},
    intake::Intake,
    job::Job,
    maintenance::{Retention, Sweep},
    settlement::Settlement,
    tenure::{self, Beaten, Kept, Tenure},
};
use crate::{
    observe,
    outbox::{Holding, Queue, nudged},
};

/// The reason for the end of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The relay stopped, or asks for lanes again.
    Over,
    /// It left its lanes to relays that reach the broker.
    CutOff,
}

/// Works on the lanes of `holding`, which were asked for at `asked`, until one of them is lost, some of them are given away, or `stop`
/// and everything under way is settled.
pub(super) async fn work<S: Queue>(
    running: Running<'_, S>,
    dependencies: &mut Dependencies,
    producer: RelayProducer,
    holding: Holding,
    asked: Instant,
    stop: &CancellationToken,
) -> End {
    let Running { store: _, config, settings, health, outbox, relay, .. } = running;
    tracing::info!(%relay, lanes = holding.lanes.len(), "relay is working");
    let lease = settings.lease_time;
    let tenure = Tenure::new(holding.lanes, dependencies.tally, asked, settings.beat(), lease);
    let mut term = Term {
        running,
        dependencies,
        intake: Intake::new(&holding.marks),
        tenure,
        delivery: Delivery::new(&settings, config, outbox, health, producer),
        settlement: Settlement::new(),
        judging: Job::idle(),
        retention: Retention::new(settings),
        sweep: Sweep::new(),
        drain_until: None,
        end: End::Over,
    };
    let end = term.work(stop).await;
    term.dependencies.tally = term.tenure.tally;
    end
}

struct Term<'a, 'n, S: Queue> {
    running: Running<'a, S>,
    dependencies: &'n mut Dependencies,
    tenure: Tenure,
    intake: Intake<S>,
    delivery: Delivery,
    settlement: Settlement,
    judging: Job<Judgement>,
    retention: Retention,
    sweep: Sweep,
    drain_until: Option<Instant>,
    end: End,
}

/// The next thing that happens.
enum Next<S: Queue> {
    Beaten(Beaten),
    Took(super::intake::Took<S>),
    Settled(super::settlement::Done),
    Judged(Judgement),
    Swept(super::maintenance::Step),
    Told(super::delivery::ClientEvent),
    MayRead,
    MayTake,
    /// Something is due, or the relay is to stop.
    Due,
}

impl<S: Queue> Term<'_, '_, S> {
    async fn work(&mut self, stop: &CancellationToken) -> End {
        loop {
            self.delivery.hear_all(&mut self.dependencies.broker);
            if !self.delivery.replace_lost_producer(self.running.config) {
                // A relay that can send has the lanes.
                self.drain();
            }
            if stop.is_cancelled() {
                self.drain();
            }
            self.begin_what_is_due();
            if self.drain_until.is_some_and(|limit| self.is_drained() || limit <= Instant::now()) {
                self.finish().await;
                return self.end;
            }
            let next = self.next(stop).await;
            if !self.take_in(next) {
                let relay = self.running.relay;
                if self.delivery.window.was_set_back() {
                    tracing::warn!(%relay, "the outbox was set back; it is read anew");
                } else {
                    tracing::warn!(%relay, "another relay has taken over");
                }
                return End::Over;
            }
        }
    }

    fn begin_what_is_due(&mut self) {
        let now = Instant::now();
        let (running, drains) = (self.running, self.drain_until.is_some());
        if self.tenure.is_due(now) {
            self.beat();
        }
        self.settlement.start(running, &self.tenure, &mut self.delivery, drains);
        self.delivery.refusals.start(running, &self.tenure, &self.delivery.window, &mut self.judging);
        if !drains {
            self.intake.start(running, &self.tenure.lanes, &mut self.delivery.window);
            self.retention.start(running.store);
            self.sweep.start(running.store, self.intake.low(), &mut self.delivery.window);
            self.delivery.window.unpark(now);
            // A relay that may have been replaced already sends nothing more.
            if now < self.tenure.lease_ends {
                self.delivery.send(&mut self.dependencies.broker);
            }
        }
        self.delivery.look(&self.dependencies.broker, drains);
        let reads_for_long = self.intake.reading_since().is_some_and(|since| ANSWER_TIME <= since.elapsed());
        running.health.is_reading_for_long(reads_for_long && ANSWER_TIME <= self.delivery.silence());
    }

    fn beat(&mut self) {
        let reaches_broker = delivers(&self.dependencies.broker);
        let mark = self.intake.mark(&self.delivery.window);
        let look = self.intake.quiet().filter(|_| self.drain_until.is_none());
        self.tenure.beat(self.running, reaches_broker, mark, look);
    }

    /// Takes in the thing that has happened; answers `false` if the term is over because of it.
    fn take_in(&mut self, next: Next<S>) -> bool {
        let Self { delivery, intake, tenure, dependencies, running, .. } = self;
        match next {
            Next::Beaten(beaten) => return self.beaten(beaten),
            Next::Took(took) => {
                let database = &mut dependencies.database;
                intake.take_in(took, &mut delivery.window, &running.settings, &delivery.metrics, database);
                return !delivery.window.was_set_back();
            }
            Next::Settled(done) => return self.settlement.take_in(done, tenure, delivery, &mut dependencies.database),
            Next::Judged(judgement) => {
                return delivery.refusals.take_in(judgement, &mut delivery.window, &delivery.metrics);
            }
            Next::Swept(step) => self.sweep.take_in(step, &mut delivery.window),
            Next::Told(event) => delivery.hear(event, &mut dependencies.broker),
            Next::MayRead => intake.poll_soon(),
            Next::MayTake => tenure.beat_at = Instant::now(),
            Next::Due => {}
        }
        true
    }

    fn beaten(&mut self, beaten: Beaten) -> bool {
        let Running { settings, health, relay, config, outbox, .. } = self.running;
        let holding = match self.tenure.take_in(beaten, settings.beat(), settings.lease_time) {
            Kept::Held(holding, is_back) => {
                if is_back {
                    self.intake.ask_anew();
                }
                holding
            }
            Kept::Lost => return false,
            Kept::Failed(error) => {
                self.tenure.beat_at = Instant::now() + self.dependencies.database.failed_for("heartbeats", &error);
                self.intake.doubt();
                return true;
            }
        };
        self.dependencies.database.works_for("heartbeats");
        health.stands(holding.lanes.len());
        if config.counts() {
            observe::show_oldest(outbox, self.delivery.oldest_age());
        }
        let Holding { lanes, marks, surplus, has_news, .. } = holding;
        if self.tenure.lanes.len() < lanes.len() {
            tracing::info!(%relay, lanes = lanes.len(), "relay took further lanes");
            self.tenure.lanes = lanes;
            self.intake.resume(&marks, &mut self.delivery.window);
        } else if self.intake.is_doubtful() {
            self.intake.resume(&marks, &mut self.delivery.window);
        }
        if 0 < surplus && self.drain_until.is_none() {
            self.share(surplus);
        }
        if has_news {
            self.intake.poll_soon();
        }
        true
    }

    /// Leaves lanes to other relays: some of them where there are more relays now, all of them where those reach the broker and this one
    /// does not.
    fn share(&mut self, surplus: usize) {
        self.tenure.leaving = self.tenure.lanes.iter().rev().take(surplus).copied().collect();
        if delivers(&self.dependencies.broker) {
            self.drain();
        } else {
            tracing::warn!(relay = %self.running.relay, "the broker is out of this relay's reach, and others reach it");
            self.end = End::CutOff;
            // Events in flight get no answer.
            self.drain_until = Some(Instant::now());
        }
    }

    fn drain(&mut self) {
        self.drain_until.get_or_insert_with(|| Instant::now() + self.running.settings.drain_time);
    }

    fn is_drained(&self) -> bool {
        let Delivery { window, refusals, .. } = &self.delivery;
        window.awaited() == 0
            && window.unsettled().is_empty()
            && refusals.is_empty()
            && self.settlement.is_idle()
            && self.judging.is_idle()
    }

    async fn finish(&mut self) {
        let window = &self.delivery.window;
        let left = window.under_way() + window.unsettled().len() + window.locked();
        if 0 < left {
            tracing::warn!(events = left, "stopped before all that was sent was settled; it is sent again later");
        }
        self.delivery.purge();
        if self.tenure.is_beating() {
            let beaten = self.tenure.beaten().await;
            if !self.beaten(beaten) {
                return;
            }
        }
        // Its count and its mark are in the outbox before the lanes are another's; no mark where it has just got further lanes.
        let mark = self.intake.mark(&self.delivery.window);
        self.beat();
        let beaten = self.tenure.beaten().await;
        let Running { settings, .. } = self.running;
        let kept = self.tenure.take_in(beaten, settings.beat(), settings.lease_time);
        if matches!(kept, Kept::Held(..)) {
            tenure::release(self.running, &self.tenure.leaving, mark.as_deref()).await;
        }
    }

    /// When something is due that nothing tells of.
    fn due(&mut self) -> Instant {
        let settings = &self.running.settings;
        let drains = self.drain_until.is_some();
        let work = [
            self.tenure.due(),
            self.settlement.due(settings, &self.delivery, drains),
            self.delivery.refusals.due().filter(|_| self.judging.is_idle()),
            self.delivery.due(drains),
            self.drain_until,
        ];
        let reading = [
            self.intake.due(settings, &self.delivery.window),
            self.retention.due(),
            self.sweep.due(),
            self.intake.reading_since().map(|since| since + ANSWER_TIME).filter(|at| Instant::now() < *at),
        ];
        let reading = reading.into_iter().filter(|_| !drains);
        work.into_iter().chain(reading).flatten().min().unwrap_or_else(Instant::now)
    }

    /// Until something happens or something is due.
    async fn next(&mut self, stop: &CancellationToken) -> Next<S> {
        let due = self.due();
        let drains = self.drain_until.is_some();
        let wake = self.running.wake;
        tokio::select! {
            beaten = self.tenure.beaten() => Next::Beaten(beaten),
            took = self.intake.took() => Next::Took(took),
            done = self.settlement.done() => Next::Settled(done),
            judgement = self.judging.done() => Next::Judged(judgement),
            swept = self.sweep.done() => Next::Swept(swept),
            () = self.retention.done() => Next::Due,
            Some(event) = self.delivery.event() => Next::Told(event),
            () = tokio::time::sleep_until(due.into()) => Next::Due,
            () = nudged(), if !drains => Next::MayRead,
            () = wake.rows_came(), if !drains => Next::MayRead,
            () = wake.lanes_came() => Next::MayTake,
            () = stop.cancelled(), if !drains => Next::Due,
        }
    }
}
