use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::names;
use crate::inbox::InboxStats;

/// Counts a consumer's work, or nothing if the configuration turned metrics off.
#[derive(Debug)]
pub(crate) struct ConsumerMetrics {
    enabled: bool,
    group: Arc<str>,
}

impl ConsumerMetrics {
    pub(crate) fn new(enabled: bool, group: &Arc<str>, handlers: impl Iterator<Item = &'static str>) -> Self {
        let metrics = Self { enabled, group: Arc::clone(group) };
        if enabled {
            names::describe();
            // The first failure must be seen as an increase.
            for name in [names::DUPLICATES, names::PARKED, names::HANDLER_RETRIES, names::HANDLER_BURIED] {
                metrics.count(name, 0);
            }
            for handler in handlers {
                metrics.count_of(names::HANDLED, handler, 0);
                metrics.count_of(names::HANDLER_FAILURES, handler, 0);
            }
        }
        metrics
    }

    /// A handler's transaction is committed. The record was written at `written`.
    pub(crate) fn handled(&self, handler: &'static str, written: Option<Timestamp>) {
        if self.enabled {
            self.count_of(names::HANDLED, handler, 1);
            if let Some(written) = written {
                // Two clocks: the publisher's may be ahead of this one.
                let age = Timestamp::now().duration_since(written).as_secs_f64().max(0.0);
                metrics::histogram!(names::HANDLING_AGE, "group" => Arc::clone(&self.group)).record(age);
            }
        }
    }

    /// A call of a handler took this time.
    pub(crate) fn called(&self, handler: &'static str, time: Duration, has_failed: bool) {
        if self.enabled {
            metrics::histogram!(names::HANDLER_DURATION, "group" => Arc::clone(&self.group), "handler" => handler)
                .record(time);
            if has_failed {
                self.count_of(names::HANDLER_FAILURES, handler, 1);
            }
        }
    }

    pub(crate) fn dropped(&self) {
        self.count(names::DUPLICATES, 1);
    }

    pub(crate) fn parked(&self) {
        self.count(names::PARKED, 1);
    }

    /// A parked event is tried once more.
    pub(crate) fn tries_again(&self) {
        self.count(names::HANDLER_RETRIES, 1);
    }

    pub(crate) fn buried(&self) {
        self.count(names::HANDLER_BURIED, 1);
    }

    /// Shows the records of a partition that the group has not finished.
    pub(crate) fn lags(&self, topic: &Arc<str>, partition: i32, records: i64) {
        if self.enabled {
            #[expect(clippy::cast_precision_loss, reason = "no partition has 2^52 records")]
            self.lag(topic, partition).set(records as f64);
        }
    }

    /// The partition is another consumer's, which shows its lag.
    pub(crate) fn forgets_lag(&self, topic: &Arc<str>, partition: i32) {
        if self.enabled {
            self.lag(topic, partition).set(0.0);
        }
    }

    /// The inbox was counted just now.
    pub(crate) fn counted(&self, stats: &InboxStats) {
        if !self.enabled {
            return;
        }
        let oldest = stats.oldest_parked.map_or(0.0, |at| Timestamp::now().duration_since(at).as_secs_f64().max(0.0));
        #[expect(clippy::cast_precision_loss, reason = "no table has 2^52 rows")]
        let counts = [(names::WAITING, stats.parked as f64), (names::GROUP_DEAD, stats.dead_letters as f64)];
        for (name, value) in counts.into_iter().chain([(names::OLDEST_PARKED, oldest)]) {
            metrics::gauge!(name, "group" => Arc::clone(&self.group)).set(value);
        }
    }

    fn lag(&self, topic: &Arc<str>, partition: i32) -> metrics::Gauge {
        let (group, topic) = (Arc::clone(&self.group), Arc::clone(topic));
        metrics::gauge!(names::CONSUMER_LAG, "group" => group, "topic" => topic, "partition" => partition.to_string())
    }

    fn count(&self, name: &'static str, more: u64) {
        if self.enabled {
            metrics::counter!(name, "group" => Arc::clone(&self.group)).increment(more);
        }
    }

    fn count_of(&self, name: &'static str, handler: &'static str, more: u64) {
        metrics::counter!(name, "group" => Arc::clone(&self.group), "handler" => handler).increment(more);
    }
}
