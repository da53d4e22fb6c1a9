use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::KafkaError,
};

use super::{
    intake::{Intake, Partition},
    offsets::store,
    properties::StartAt,
    start::begin_at_ends,
};
use crate::kafka::Complaint;

/// The callbacks of a member. They run inside the poll of its thread.
pub(super) struct MemberContext<I> {
    intake: Arc<I>,
    hand_over_time: Duration,
    start_at: StartAt,
    /// The ends at which partitions begin whose assignment is under way.
    begun: Mutex<TopicPartitionList>,
    complaint: Complaint,
    /// Nobody finishes records any more.
    is_leaving: AtomicBool,
}

impl<I: Intake> MemberContext<I> {
    pub(super) fn new(intake: Arc<I>, hand_over_time: Duration, start_at: StartAt) -> Self {
        Self {
            intake,
            hand_over_time,
            start_at,
            begun: Mutex::default(),
            complaint: Complaint::default(),
            is_leaving: AtomicBool::new(false),
        }
    }

    pub(super) fn intake(&self) -> &I {
        &self.intake
    }

    pub(super) fn begins_to_leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
    }
}

impl<I: Intake> ClientContext for MemberContext<I> {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaint.overhear(facility, message);
        // Records that the group has not read may be gone, or are read again: the client goes on as if nothing were.
        if facility == "OFFSET" {
            tracing::warn!(message, "the broker does not have the next record of a partition any more");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaint.take_down(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.complaint.withdraw();
            self.intake.reached(None);
        }
        for topic in statistics.topics.into_values() {
            let name: Arc<str> = topic.topic.into();
            for (number, partition) in topic.partitions {
                // -1 stands for partitions of others and for the unknown.
                if 0 <= partition.consumer_lag {
                    self.intake.lags(&(Arc::clone(&name), number), partition.consumer_lag);
                }
            }
        }
    }
}

impl<I: Intake> ConsumerContext for MemberContext<I> {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                if self.start_at == StartAt::Latest {
                    *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = begin_at_ends(consumer, list);
                }
            }
            Rebalance::Revoke(list) => {
                let partitions = partitions(list);
                // Partitions that are lost have another owner already, and nothing of them can be committed.
                let is_lost = consumer.assignment_lost();
                let waits = !is_lost && !self.is_leaving.load(Ordering::Acquire);
                let limit = if waits { self.hand_over_time } else { Duration::ZERO };
                self.intake.hand_over(&partitions, limit);
                if !is_lost {
                    // The client commits them before it gives the partitions away.
                    store(consumer, &*self.intake);
                }
                self.intake.released(&partitions);
                tracing::debug!(?partitions, is_lost, "partitions handed over");
            }
            Rebalance::Error(error) => tracing::warn!(%error, "the group is not balanced"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            let partitions = partitions(list);
            // The client keeps the pause of a partition that was this member's before, and would never read it again.
            if let Err(error) = consumer.resume(list) {
                tracing::warn!(?partitions, %error, "partitions cannot be resumed");
            }
            let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
            // The client commits them as a member of this generation. The next start goes on there, also where nothing was handled.
            if 0 < begun.count()
                && let Err(error) = consumer.store_offsets(&begun)
            {
                tracing::warn!(?partitions, %error, "the group's first offsets are not stored");
            }
            tracing::debug!(?partitions, "partitions assigned");
            self.intake.assigned(partitions);
        }
    }

    fn commit_callback(&self, result: Result<(), KafkaError>, offsets: &TopicPartitionList) {
        if let Err(error) = result {
            let offsets: Vec<_> = offsets.elements().iter().map(|one| (one.partition(), one.offset())).collect();
            tracing::debug!(%error, ?offsets, "offsets are not committed");
        }
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<Partition> {
    list.elements().iter().map(|element| (element.topic().into(), element.partition())).collect()
}
