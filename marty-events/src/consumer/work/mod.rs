//! The records at hand, shared by the client's thread, which reads them, and the workers.

#[cfg(test)]
mod desk_tests;
mod lines;
#[cfg(test)]
mod model;
mod queue;
#[cfg(test)]
mod tests;
mod watermark;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::error::KafkaError;
use tokio::sync::Notify;

use queue::{Job, WorkQueue};
pub(super) use queue::{Limits, Next, Taken, Ticket};

use super::{
    health::HealthCell,
    routes::{Routes, Work},
};
use crate::{
    inbox::Delivery,
    kafka::{Flow, Intake, Partition},
    observe::ConsumerMetrics,
};

/// The records at hand of one consumer.
pub(super) struct Desk {
    queue: Mutex<WorkQueue<Work>>,
    routes: Arc<Routes>,
    health: HealthCell,
    metrics: Arc<ConsumerMetrics>,
    /// A lane is ready.
    ready: Notify,
    /// A record is finished: the client's thread may be waiting for it.
    finished: Condvar,
}

impl Desk {
    pub(super) fn new(routes: Arc<Routes>, health: HealthCell, metrics: Arc<ConsumerMetrics>, limits: Limits) -> Self {
        Self {
            queue: Mutex::new(WorkQueue::new(limits)),
            routes,
            health,
            metrics,
            ready: Notify::new(),
            finished: Condvar::new(),
        }
    }

    /// The next record, or several for a handler of batches.
    pub(super) fn take(&self) -> Next<Work> {
        let now = Instant::now();
        let mut queue = self.lock();
        let next = queue.take(now);
        // A permit is one, however many lanes became ready.
        if matches!(next, Next::Records(_)) && queue.has_ready() {
            self.wake();
        }
        next
    }

    /// Waits until a record may be there, or until the records that wait for company have had it for long enough.
    pub(super) async fn is_ready(&self, pause: Option<Duration>) {
        let ready = self.ready.notified();
        match pause {
            Some(pause) => {
                let _ = tokio::time::timeout(pause, ready).await;
            }
            None => ready.await,
        }
    }

    /// The records have had their effect, or are kept in the database.
    pub(super) fn finish<'a>(&self, tickets: impl IntoIterator<Item = &'a Ticket>) {
        let mut queue = self.lock();
        let mut wants_worker = false;
        for ticket in tickets {
            wants_worker |= queue.finish(ticket);
        }
        // To wake nobody is a call of the system all the same.
        let is_awaited = queue.is_leaving() || queue.is_held && !queue.is_crowded();
        drop(queue);
        if is_awaited {
            self.finished.notify_all();
        }
        if wants_worker {
            self.wake();
        }
    }

    /// Begins no further record.
    pub(super) fn drain(&self) {
        self.lock().drain();
    }

    pub(super) fn is_drained(&self) -> bool {
        self.lock().is_drained()
    }

    /// Wakes the worker that began its wait last: it may have kept its connection.
    fn wake(&self) {
        self.ready.notify_last();
    }

    /// Waits until records are finished so far, for `limit` at the most.
    fn wait<'a>(
        &self,
        queue: MutexGuard<'a, WorkQueue<Work>>,
        limit: Duration,
        is_so_far: impl Fn(&WorkQueue<Work>) -> bool,
    ) -> MutexGuard<'a, WorkQueue<Work>> {
        let waited = self.finished.wait_timeout_while(queue, limit, |queue| !is_so_far(queue));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, WorkQueue<Work>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intake for Desk {
    fn assigned(&self, partitions: Vec<Partition>) {
        let mut queue = self.lock();
        for partition in partitions {
            queue.assign(partition);
        }
        self.health.has(queue.partitions());
    }

    fn hand_over(&self, partitions: &[Partition], limit: Duration) {
        let mut queue = self.lock();
        queue.leave(partitions);
        drop(self.wait(queue, limit, |queue| queue.is_at_rest(partitions)));
    }

    fn released(&self, partitions: &[Partition]) {
        for (topic, partition) in partitions {
            self.metrics.forgets_lag(topic, *partition);
        }
        let mut queue = self.lock();
        queue.release(partitions);
        self.health.has(queue.partitions());
    }

    fn take_in(&self, delivery: Delivery) -> bool {
        let partition = (Arc::clone(&delivery.topic), delivery.partition);
        let (offset, bytes) = (delivery.offset, delivery.size());
        let job = self.routes.find(delivery).map(|work| {
            let batches = Some(work.handler).filter(|handler| self.routes.is_of_batches(*handler));
            Job { lane: work.lane(), batches, record: work }
        });
        let mut queue = self.lock();
        let wants_worker = queue.admit(&partition, offset, bytes, job);
        let is_full = queue.is_full(&partition);
        drop(queue);
        if wants_worker {
            self.wake();
        }
        is_full
    }

    fn makes_room(&self, limit: Duration) -> bool {
        let mut queue = self.lock();
        queue.is_held = true;
        let mut queue = self.wait(queue, limit, |queue| !queue.is_crowded());
        queue.is_held = false;
        !queue.is_crowded()
    }

    fn advanced(&self) -> Vec<(Partition, i64)> {
        self.lock().advanced()
    }

    fn flow(&self) -> Flow {
        self.lock().flow()
    }

    fn is_paused(&self) -> bool {
        self.lock().is_paused()
    }

    fn reached(&self, outage: Option<&KafkaError>) {
        match outage {
            Some(error) if self.health.broker_is_away() => tracing::warn!(%error, "cannot reach the brokers"),
            None if self.health.broker_is_back() => tracing::info!("reached the brokers again"),
            _ => {}
        }
    }

    fn lags(&self, (topic, partition): &Partition, records: i64) {
        self.metrics.lags(topic, *partition, records);
    }
}
