//! One term of a relay: from when it has lanes until it stops, loses one of them or has to share.

mod refusals;

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Settings,
    circuit::Circuit,
    housekeeping::Housekeeping,
    in_time,
    producer::{News, RelayProducer, Report},
    window::Window,
};
use crate::{
    EventError,
    config::EventConfig,
    kafka::Verdict,
    observe::Metrics,
    outbox::{Lane, Page, Position, Standing, Store, Tenure, Wake, nudged},
};

use refusals::Refusal;

/// The shortest pause between two looks into the outbox, while events are flowing.
const BUSY_POLL: Duration = Duration::from_millis(5);
/// The longest such pause: after it the outbox is quiet, and looked into when something says so or at the next beat.
const LAST_POLL: Duration = Duration::from_secs(1);
/// How often the outbox is read from its beginning, for rows that came by a way that the position knows nothing of.
const REREAD: Duration = Duration::from_mins(5);

/// Works on `lanes`, which were asked for at `asked`, until one of them is lost, some of them are given away, or `stop` and
/// everything under way is settled.
#[expect(clippy::too_many_arguments, reason = "one call, and each is a thing of its own")]
pub(super) async fn lead<S: Store>(
    store: &S,
    config: &EventConfig,
    settings: Settings,
    wake: &Wake,
    relay: Uuid,
    lanes: Vec<Lane>,
    asked: Instant,
    stop: &CancellationToken,
) -> Result<(), EventError> {
    let now = Instant::now();
    tracing::info!(%relay, lanes = lanes.len(), "relay works");
    let mut term = Term {
        store,
        config,
        settings,
        wake,
        relay,
        lanes,
        leaving: Vec::new(),
        producer: RelayProducer::new(config)?,
        producer_lost: false,
        metrics: Metrics::new(config.counts()),
        position: S::Position::default(),
        window: Window::default(),
        refusals: Vec::new(),
        housekeeping: Housekeeping::new(settings),
        database: Circuit::new("outbox database"),
        broker: Circuit::new("broker"),
        poll_pause: BUSY_POLL,
        poll_at: Some(now),
        reread_at: now + REREAD,
        beat_at: asked + settings.beat(),
        lease_ends: asked + settings.lease_time,
        database_at: now,
        send_at: now,
        drain_until: None,
    };
    term.work(stop).await
}

struct Term<'a, S: Store> {
    store: &'a S,
    config: &'a EventConfig,
    settings: Settings,
    wake: &'a Wake,
    relay: Uuid,
    lanes: Vec<Lane>,
    /// Those that are given to another relay once nothing of them is under way.
    leaving: Vec<Lane>,
    producer: RelayProducer,
    /// The producer can send nothing more, and is replaced once it has reported on everything it had.
    producer_lost: bool,
    metrics: Metrics,
    position: S::Position,
    window: Window,
    /// Refused rows whose refusal is not in the database yet.
    refusals: Vec<Refusal>,
    housekeeping: Housekeeping,
    database: Circuit,
    broker: Circuit,
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
    drain_until: Option<Instant>,
}

impl<S: Store> Term<'_, S> {
    async fn work(&mut self, stop: &CancellationToken) -> Result<(), EventError> {
        loop {
            while let Some(news) = self.producer.news_now() {
                self.hear(news);
            }
            self.replace_lost_producer()?;
            if stop.is_cancelled() && self.drain_until.is_none() {
                self.drain_until = Some(Instant::now() + self.settings.drain_time);
            }
            if self.database_at <= Instant::now() {
                match in_time(self.ask_database()).await {
                    Ok(Tenure::Held) => self.database.works(),
                    Ok(Tenure::Lost) => {
                        tracing::warn!(relay = %self.relay, "another relay has taken over");
                        self.producer.purge();
                        return Ok(());
                    }
                    Err(error) => {
                        self.database_at = Instant::now() + self.database.failed(&error);
                        // It may come back as another one, where the position means nothing.
                        self.position.restart();
                        self.poll_soon();
                    }
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

    /// Everything that is due in the database: the leases, settled and refused rows, a page of new ones.
    async fn ask_database(&mut self) -> Result<Tenure, EventError> {
        if self.beat_at <= Instant::now() && self.stand().await? == Tenure::Lost {
            return Ok(Tenure::Lost);
        }
        if self.settle().await? == Tenure::Lost {
            return Ok(Tenure::Lost);
        }
        if self.settle_refusals().await? == Tenure::Lost {
            return Ok(Tenure::Lost);
        }
        if self.drain_until.is_none() {
            self.read().await?;
            self.housekeeping.step(self.store).await?;
        }
        Ok(Tenure::Held)
    }

    async fn stand(&mut self) -> Result<Tenure, EventError> {
        let asked = Instant::now();
        let Standing { lanes, surplus, has_news, .. } =
            self.store.stand(self.relay, self.settings.lease_time, &self.position).await?;
        if !self.lanes.iter().all(|lane| lanes.contains(lane)) {
            return Ok(Tenure::Lost);
        }
        self.beat_at = asked + self.settings.beat();
        self.lease_ends = asked + self.settings.lease_time;
        if self.lanes.len() < lanes.len() {
            tracing::info!(relay = %self.relay, lanes = lanes.len(), "relay took further lanes");
            self.lanes = lanes;
            self.position.restart();
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

    async fn settle(&mut self) -> Result<Tenure, EventError> {
        let (seqs, mut lanes): (Vec<i64>, Vec<i32>) = self.window.unsettled().iter().copied().unzip();
        if seqs.is_empty() {
            return Ok(Tenure::Held);
        }
        lanes.sort_unstable();
        lanes.dedup();
        let lanes: Vec<Lane> = lanes.into_iter().filter_map(|number| self.lane(number)).collect();
        let keep = self.settings.keep_published.is_some();
        if self.store.settle(self.relay, &lanes, &seqs, keep).await? == Tenure::Lost {
            return Ok(Tenure::Lost);
        }
        self.window.settled(seqs.len());
        self.metrics.relayed(seqs.len());
        Ok(Tenure::Held)
    }

    fn lane(&self, number: i32) -> Option<Lane> {
        self.lanes.iter().copied().find(|lane| lane.number == number)
    }

    /// What is due: rows whose turn has come, and a page of those behind the position.
    async fn read(&mut self) -> Result<(), EventError> {
        let wanted = self.window.wanted(self.room());
        if !wanted.is_empty() {
            let page = self.store.load(&wanted).await?;
            self.set_aside(&page);
            self.window.loaded(&wanted, page.rows);
        }
        let now = Instant::now();
        if self.reread_at <= now {
            self.reread_at = now + REREAD;
            self.position.restart();
            self.poll_soon();
        }
        let room = self.room();
        if room == 0 || self.poll_at.is_none_or(|at| now < at) {
            return Ok(());
        }
        let page = self.store.fetch(&mut self.position, &self.lanes, i64::try_from(room).unwrap_or(i64::MAX)).await?;
        self.set_aside(&page);
        let is_empty = page.rows.is_empty() && page.numbers.is_empty();
        self.poll_pause = if is_empty { self.poll_pause * 2 } else { BUSY_POLL };
        let pause = if page.is_full { Duration::ZERO } else { self.poll_pause };
        self.poll_at = (pause < LAST_POLL.min(self.settings.beat())).then(|| Instant::now() + pause);
        for (seq, key) in page.numbers {
            self.window.note(seq, key);
        }
        for event in page.rows {
            self.window.admit(event);
        }
        Ok(())
    }

    fn set_aside(&mut self, page: &Page) {
        for row in &page.unreadable {
            if self.window.set_aside(row.seq, row.ordering_key.clone()) {
                tracing::error!(error = %row.error, "a row of the outbox is left alone");
            }
        }
    }

    /// How many rows may be read at once.
    fn room(&self) -> usize {
        (self.settings.in_flight as usize).saturating_sub(self.window.len()).min(self.settings.batch_size as usize)
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
            if let Err(error) = self.producer.send(event) {
                self.note(Report { seq, result: Err(error) });
            }
        }
    }

    fn may_send(&self) -> bool {
        let now = Instant::now();
        self.drain_until.is_none() && !self.producer_lost && self.send_at <= now && now < self.lease_ends
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Report(report) => self.note(report),
            News::Unreachable(error) => self.broker.opens(&error),
        }
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
                self.send_at = Instant::now() + self.broker.failed(&self.producer.outage(&error));
            }
            Verdict::ProducerLost => {
                self.window.put_back(seq);
                self.send_at = Instant::now() + self.broker.failed(&self.producer.outage(&error));
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
        if !self.leaving.is_empty() {
            tracing::info!(relay = %self.relay, lanes = self.leaving.len(), "relay gives lanes to another");
            // Where this fails the leases are renewed, and given away later.
            if let Err(error) = in_time(self.store.release(self.relay, &self.leaving)).await {
                tracing::warn!(%error, "the lanes could not be given away");
            }
        }
        Ok(())
    }

    /// Until something happens or something is due.
    async fn wait(&mut self, stop: &CancellationToken) {
        let reads = self.drain_until.is_none() && 0 < self.room();
        let settles = !self.window.unsettled().is_empty() || !self.refusals.is_empty();
        let due = [
            Some(self.beat_at.max(self.database_at)),
            settles.then_some(self.database_at),
            (reads && !self.window.wanted(1).is_empty()).then_some(self.database_at),
            self.poll_at.filter(|_| reads).map(|at| at.max(self.database_at)),
            self.window.next_retry(),
            (Instant::now() < self.send_at).then_some(self.send_at),
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
