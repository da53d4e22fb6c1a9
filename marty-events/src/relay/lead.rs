//! One term of a relay: from when it has lanes until it stops, loses one of them or has to share.

mod news;
mod reading;
mod refusals;

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Running, Settings,
    circuit::Circuit,
    health::Vitals,
    housekeeping::Housekeeping,
    in_time,
    producer::{RelayProducer, Report},
    window::Window,
};
use crate::{
    EventError,
    config::EventConfig,
    observe::{Neighbour, RelayMetrics, SendSpans},
    outbox::{Heartbeat, Holding, Lane, Position, RowId, Settled, Store, Wake, nudged},
};

use news::Probe;
use refusals::Refusal;

/// So many bytes of room are as good as room for one row: a page is not read for the sake of a few bytes.
const USUAL_SIZE: usize = 16 << 10;
/// The shortest pause between two looks into the outbox, while events are flowing.
const BUSY_POLL: Duration = Duration::from_millis(2);
/// The longest such pause: after it the outbox is quiet, and looked into when something says so or at the next beat.
const LAST_POLL: Duration = Duration::from_secs(1);
/// How long delivered rows wait for company, unless they are a batch before: a settlement costs a commit, however few it is of.
const SETTLE_PAUSE: Duration = Duration::from_millis(10);
/// How often the outbox is read from its beginning, for rows that came by a way that the position knows nothing of.
const REREAD: Duration = Duration::from_mins(5);

/// Works on `lanes`, which were asked for at `asked`, until one of them is lost, some of them are given away, or `stop` and
/// everything under way is settled.
pub(super) async fn lead<S: Store>(
    Running { store, config, settings, wake, vitals, relay }: Running<'_, S>,
    producer: RelayProducer,
    lanes: Vec<Lane>,
    asked: Instant,
    stop: &CancellationToken,
) {
    let now = Instant::now();
    tracing::info!(%relay, lanes = lanes.len(), "relay works");
    let mut term = Term {
        store,
        config,
        settings,
        wake,
        vitals,
        relay,
        lanes,
        leaving: Vec::new(),
        producer,
        producer_lost: false,
        metrics: RelayMetrics::new(config.counts()),
        spans: SendSpans::new(config.traces()),
        position: S::Position::default(),
        uncounted: 0,
        window: Window::default(),
        refusals: Vec::new(),
        housekeeping: Housekeeping::new(settings),
        database: Circuit::new(Neighbour::Database, vitals),
        broker: Circuit::new(Neighbour::Broker, vitals),
        probe: Probe::default(),
        poll_pause: BUSY_POLL,
        poll_at: Some(now),
        reread_at: now + REREAD,
        beat_at: asked + settings.beat(),
        lease_ends: asked + settings.lease_time,
        database_at: now,
        send_at: now,
        settle_at: None,
        drain_until: None,
    };
    term.work(stop).await;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tenure {
    Held,
    Lost,
}

fn tenure(settled: &Settled) -> Tenure {
    if *settled == Settled::Lost { Tenure::Lost } else { Tenure::Held }
}

struct Term<'a, S: Store> {
    store: &'a S,
    config: &'a EventConfig,
    settings: Settings,
    wake: &'a Wake,
    vitals: &'a Vitals,
    relay: Uuid,
    lanes: Vec<Lane>,
    /// Those that are given to another relay once nothing of them is under way.
    leaving: Vec<Lane>,
    producer: RelayProducer,
    /// The producer can send nothing more, and is replaced once it has reported on everything it had.
    producer_lost: bool,
    metrics: RelayMetrics,
    spans: SendSpans,
    position: S::Position,
    /// How many events were settled since the last heartbeat.
    uncounted: u64,
    window: Window,
    /// Refused rows whose refusal is not in the database yet.
    refusals: Vec<Refusal>,
    housekeeping: Housekeeping,
    database: Circuit,
    broker: Circuit,
    probe: Probe,
    poll_pause: Duration,
    /// Nothing while the outbox is quiet: the next beat tells whether there is something.
    poll_at: Option<Instant>,
    reread_at: Instant,
    beat_at: Instant,
    /// By this process's clock, which may only make it give up too early: the database's clock decides.
    lease_ends: Instant,
    /// Not before this is the database asked again.
    database_at: Instant,
    /// Not before this is anything sent again.
    send_at: Instant,
    /// When delivered rows are settled, at the latest.
    settle_at: Option<Instant>,
    drain_until: Option<Instant>,
}

impl<S: Store> Term<'_, S> {
    async fn work(&mut self, stop: &CancellationToken) {
        loop {
            while let Some(news) = self.producer.news_now() {
                self.hear(news);
            }
            self.replace_lost_producer();
            if stop.is_cancelled() && self.drain_until.is_none() {
                self.drain_until = Some(Instant::now() + self.settings.drain_time);
            }
            if self.database_at <= Instant::now() {
                match in_time(self.ask_database()).await {
                    Ok(Tenure::Held) => self.database.works(),
                    Ok(Tenure::Lost) => {
                        if self.window.was_set_back() {
                            tracing::warn!(relay = %self.relay, "the outbox was set back; it is read anew");
                        } else {
                            tracing::warn!(relay = %self.relay, "another relay has taken over");
                        }
                        return self.count().await;
                    }
                    Err(error) => {
                        self.database_at = Instant::now() + self.database.failed(&error);
                        // It may come back as another one, where the position means nothing.
                        self.position = S::Position::default();
                        self.poll_soon();
                    }
                }
            }
            self.window.unpark(Instant::now());
            self.send();
            self.look_for_broker();
            if let Some(limit) = self.drain_until
                && (self.is_drained() || limit <= Instant::now())
            {
                return self.finish().await;
            }
            self.wait(stop).await;
        }
    }

    /// Everything that is due in the database: the leases, settled and refused rows, a page of new ones.
    async fn ask_database(&mut self) -> Result<Tenure, EventError> {
        if self.beat_at <= Instant::now() && self.stand().await? == Tenure::Lost {
            return Ok(Tenure::Lost);
        }
        let (settled, read) = self.settle_and_read().await;
        if self.window.was_set_back() || settled? == Tenure::Lost || self.settle_refusals().await? == Tenure::Lost {
            return Ok(Tenure::Lost);
        }
        // Where nothing can be read, what was delivered is settled all the same.
        read?;
        if self.drain_until.is_none() {
            self.housekeeping.step(self.store).await?;
        }
        Ok(Tenure::Held)
    }

    fn beat(&self) -> Heartbeat {
        let lease = self.settings.lease_time;
        Heartbeat { relay: self.relay, lease, delivers: true, mark: None, settled: self.uncounted }
    }

    /// The last heartbeat of a term.
    async fn count(&self) {
        if 0 < self.uncounted
            && let Err(error) = in_time(self.store.heartbeat(&self.beat(), None)).await
        {
            tracing::debug!(%error, events = self.uncounted, "settled events were not counted");
        }
    }

    async fn stand(&mut self) -> Result<Tenure, EventError> {
        let asked = Instant::now();
        let look = (!self.position.is_new()).then_some(&self.position);
        let Holding { lanes, surplus, has_news, .. } = self.store.heartbeat(&self.beat(), look).await?;
        self.uncounted = 0;
        if !self.lanes.iter().all(|lane| lanes.contains(lane)) {
            return Ok(Tenure::Lost);
        }
        self.vitals.stands(lanes.len());
        self.beat_at = asked + self.settings.beat();
        self.lease_ends = asked + self.settings.lease_time;
        if self.lanes.len() < lanes.len() {
            tracing::info!(relay = %self.relay, lanes = lanes.len(), "relay took further lanes");
            self.lanes = lanes;
            self.position = S::Position::default();
            self.poll_soon();
        }
        if 0 < surplus && self.drain_until.is_none() {
            self.leaving = self.lanes.iter().rev().take(surplus).copied().collect();
            self.drain_until = Some(asked + self.settings.drain_time);
        }
        if has_news {
            self.poll_soon();
        }
        Ok(Tenure::Held)
    }

    /// Takes delivered rows out of the outbox and reads further ones. Neither waits for the other: the database works on both
    /// at once.
    async fn settle_and_read(&mut self) -> (Result<Tenure, EventError>, Result<(), EventError>) {
        let (begun, keep) = (Instant::now(), self.settings.keep_published.is_some());
        let delivered = if self.settlement_due().is_some_and(|at| at <= begun) { self.window.unsettled() } else { &[] };
        let (rows, lanes): (Vec<RowId>, Vec<i32>) = delivered.iter().copied().unzip();
        let lanes = self.lanes_of(lanes);
        let reading = self.reading_due(begun);
        let Self { store, relay, lanes: own, position, .. } = self;
        let settle = async {
            if rows.is_empty() {
                return Ok((Tenure::Held, begun.elapsed()));
            }
            store.settle(*relay, &lanes, &rows, keep).await.map(|settled| (tenure(&settled), begun.elapsed()))
        };
        let (settled, read) = tokio::join!(settle, reading.read(*store, position, own));
        // First the page: it may still have rows that were settled meanwhile, which the window knows for so long.
        let read = read.map(|read| self.take_in(&reading, read));
        let settled = settled.map(|(tenure, time)| {
            if tenure == Tenure::Held && !rows.is_empty() {
                self.window.settled(rows.len());
                self.uncounted += rows.len() as u64;
                self.metrics.settled(rows.len(), time);
                self.settle_at = None;
            }
            tenure
        });
        (settled, read)
    }

    /// When delivered rows are to be settled, if there are any: at once where they are a batch, or the window has no room for
    /// others, or on the way out.
    fn settlement_due(&self) -> Option<Instant> {
        let is_batch = self.settings.batch_size as usize <= self.window.unsettled().len();
        let at_once = is_batch || self.room().0 == 0 || self.drain_until.is_some();
        self.settle_at.map(|at| if at_once { self.database_at } else { at.max(self.database_at) })
    }

    /// The lanes with these numbers, each once.
    fn lanes_of(&self, mut numbers: Vec<i32>) -> Vec<Lane> {
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| self.lane(number)).collect()
    }

    fn lane(&self, number: i32) -> Option<Lane> {
        self.lanes.iter().copied().find(|lane| lane.number == number)
    }

    fn poll_soon(&mut self) {
        self.poll_pause = BUSY_POLL;
        self.poll_at = Some(Instant::now());
    }

    fn send(&mut self) {
        // A relay that may have been replaced already sends nothing more.
        while self.may_send() {
            let Some(event) = self.window.take() else { return };
            let seq = event.seq;
            self.spans.begin(event);
            if let Err(error) = self.producer.send(event) {
                self.note(Report { seq, result: Err(error) });
            }
        }
    }

    fn may_send(&self) -> bool {
        let now = Instant::now();
        self.drain_until.is_none() && !self.producer_lost && self.send_at <= now && now < self.lease_ends
    }

    fn is_drained(&self) -> bool {
        self.window.under_way() == 0 && self.window.unsettled().is_empty() && self.refusals.is_empty()
    }

    async fn finish(&mut self) {
        let left = self.window.under_way() + self.window.unsettled().len();
        if 0 < left {
            tracing::warn!(events = left, "stopped before all that was sent was settled; it is sent again later");
        }
        self.producer.purge();
        self.count().await;
        if !self.leaving.is_empty() {
            tracing::info!(relay = %self.relay, lanes = self.leaving.len(), "relay gives lanes to another");
            // Where this fails the leases are renewed, and given away later.
            if let Err(error) = in_time(self.store.release(self.relay, &self.leaving, None)).await {
                tracing::warn!(%error, "the lanes could not be given away");
            }
        }
    }

    /// Until something happens or something is due.
    async fn wait(&mut self, stop: &CancellationToken) {
        let reads = self.drain_until.is_none();
        let (rows, bytes) = self.room();
        let due = [
            Some(self.beat_at.max(self.database_at)),
            self.settlement_due(),
            (!self.refusals.is_empty()).then_some(self.database_at),
            (reads && 0 < rows && !self.window.wanted(1, bytes).0.is_empty()).then_some(self.database_at),
            self.poll_at.filter(|_| reads && self.may_fetch()).map(|at| at.max(self.database_at)),
            self.window.next_retry(),
            (Instant::now() < self.send_at).then_some(self.send_at),
            self.probe.due(),
            self.drain_until,
        ];
        let due = due.into_iter().flatten().min().unwrap_or_else(Instant::now);
        tokio::select! {
            Some(news) = self.producer.news() => self.hear(news),
            () = tokio::time::sleep_until(due.into()) => {}
            () = nudged(), if self.drain_until.is_none() => self.poll_soon(),
            () = self.wake.rows_came(), if self.drain_until.is_none() => self.poll_soon(),
            () = self.wake.lanes_came() => self.beat_at = Instant::now(),
            () = stop.cancelled(), if self.drain_until.is_none() => {}
        }
    }
}
