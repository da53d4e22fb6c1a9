//! The records at hand, shared by the client's thread, which reads them, and the workers.

#[cfg(test)]
mod model;
mod queue;
mod watermark;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::error::KafkaError;
use tokio::sync::Notify;

use queue::WorkQueue;
pub(super) use queue::{Limits, Taken, Ticket};

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
    /// A record is finished: a hand-over may be waiting for it.
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
    pub(super) async fn next(&self, longest_batch: usize) -> Vec<Taken<Work>> {
        loop {
            let ready = self.ready.notified();
            if let Some(batch) = self.take(longest_batch) {
                return batch;
            }
            ready.await;
        }
    }

    /// The record has had its effect, or is kept in the database.
    pub(super) fn finish(&self, ticket: &Ticket) {
        let wants_worker = self.lock().finish(ticket);
        self.finished.notify_all();
        if wants_worker {
            self.ready.notify_one();
        }
    }

    /// Begins no further record.
    pub(super) fn drain(&self) {
        self.lock().drain();
    }

    pub(super) fn is_drained(&self) -> bool {
        self.lock().is_drained()
    }

    fn take(&self, longest_batch: usize) -> Option<Vec<Taken<Work>>> {
        let mut queue = self.lock();
        let first = queue.take()?;
        let handler = first.record.handler;
        let mut batch = vec![first];
        if self.routes.is_of_batches(handler) {
            queue.take_more(&mut batch, longest_batch, |work| work.handler == handler);
        }
        // A permit is one, however many lanes became ready.
        if queue.has_ready() {
            self.ready.notify_one();
        }
        Some(batch)
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
        let deadline = Instant::now() + limit;
        let mut queue = self.lock();
        queue.leave(partitions);
        while !queue.is_at_rest(partitions) {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return;
            };
            queue = self.finished.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn released(&self, partitions: &[Partition]) {
        for (topic, partition) in partitions {
            self.metrics.forgets_lag(topic, *partition);
        }
        let mut queue = self.lock();
        queue.release(partitions);
        self.health.has(queue.partitions());
    }

    fn take_in(&self, delivery: Delivery) {
        let partition = (Arc::clone(&delivery.topic), delivery.partition);
        let (offset, bytes) = (delivery.offset, delivery.size());
        let work = self.routes.find(delivery).map(|work| (work.lane(), work));
        if self.lock().admit(&partition, offset, bytes, work) {
            self.ready.notify_one();
        }
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
