use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::names;
use crate::outbox::{OutboxStats, RelayName};

/// A server that a relay depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dependency {
    Broker,
    Database,
    /// The connection on which the database announces the events of other processes.
    Listener,
}

/// Why an event is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// The broker refused it.
    Refusal,
    /// The broker was away.
    Outage,
}

/// Counts a relay's work, or nothing if the configuration turned metrics off.
#[derive(Debug)]
pub(crate) struct RelayMetrics {
    enabled: bool,
    /// The outbox's name, which tells the relays of several services apart.
    outbox: Arc<str>,
    /// The lags of rows that were acknowledged and are not settled, in seconds. They are recorded with the settlement, so that the metric
    /// is looked up once for many rows.
    lags: Vec<f64>,
}

impl RelayMetrics {
    pub(crate) fn new(enabled: bool, outbox: &Arc<str>) -> Self {
        if enabled {
            names::describe();
            // As for publishers: the first refusal must be seen as an increase.
            for name in [names::RELAYED, names::REFUSED, names::BURIED] {
                count(name, outbox, 0);
            }
            for why in [Again::Refusal, Again::Outage] {
                again(why, outbox, 0);
            }
        }
        Self { enabled, outbox: Arc::clone(outbox), lags: Vec::new() }
    }

    /// The broker has an event that was inserted at `created_at`.
    pub(crate) fn acknowledged(&mut self, created_at: Timestamp) {
        if self.enabled {
            // Two clocks: the database's may be ahead of this one.
            self.lags.push(Timestamp::now().duration_since(created_at).as_secs_f64().max(0.0));
        }
    }

    pub(crate) fn settled(&mut self, rows: usize, time: Duration) {
        if self.enabled {
            count(names::RELAYED, &self.outbox, rows as u64);
            let lag = metrics::histogram!(names::LAG, "outbox" => Arc::clone(&self.outbox));
            for seconds in self.lags.drain(..) {
                lag.record(seconds);
            }
            statement("settle", &self.outbox, rows, time);
        }
    }

    pub(crate) fn fetched(&self, rows: usize, time: Duration) {
        if self.enabled {
            statement("fetch", &self.outbox, rows, time);
        }
    }

    pub(crate) fn refused(&self) {
        if self.enabled {
            count(names::REFUSED, &self.outbox, 1);
        }
    }

    pub(crate) fn sends_again(&self, why: Again) {
        if self.enabled {
            again(why, &self.outbox, 1);
        }
    }

    pub(crate) fn buried(&self) {
        if self.enabled {
            count(names::BURIED, &self.outbox, 1);
        }
    }
}

/// The gauge by which a relay is found: its labels are the relay's name. It is taken back with this.
#[derive(Debug)]
pub(crate) struct ShownRelay {
    outbox: Arc<str>,
    name: Arc<RelayName>,
}

impl ShownRelay {
    pub(crate) fn new(outbox: &Arc<str>, name: &Arc<RelayName>) -> Self {
        let shown = Self { outbox: Arc::clone(outbox), name: Arc::clone(name) };
        shown.add(1.0);
        shown
    }

    fn add(&self, more: f64) {
        let RelayName { service, host, process_id, version } = &*self.name;
        let gauge = metrics::gauge!(
            names::RELAY_INFO,
            "outbox" => Arc::clone(&self.outbox),
            "service" => service.clone(),
            "host" => host.clone().unwrap_or_default(),
            "process_id" => process_id.to_string(),
            "version" => *version
        );
        gauge.increment(more);
    }
}

impl Drop for ShownRelay {
    fn drop(&mut self) {
        self.add(-1.0);
    }
}

fn count(name: &'static str, outbox: &Arc<str>, more: u64) {
    metrics::counter!(name, "outbox" => Arc::clone(outbox)).increment(more);
}

fn again(why: Again, outbox: &Arc<str>, more: u64) {
    let why = match why {
        Again::Refusal => "refusal",
        Again::Outage => "outage",
    };
    metrics::counter!(names::RETRIED, "outbox" => Arc::clone(outbox), "after" => why).increment(more);
}

/// Empty looks into the outbox are many, and say nothing about the size of a batch.
fn statement(name: &'static str, outbox: &Arc<str>, rows: usize, time: Duration) {
    metrics::histogram!(names::STATEMENT_DURATION, "outbox" => Arc::clone(outbox), "statement" => name).record(time);
    if 0 < rows {
        #[expect(clippy::cast_precision_loss, reason = "no statement has 2^52 rows")]
        metrics::histogram!(names::STATEMENT_ROWS, "outbox" => Arc::clone(outbox), "statement" => name)
            .record(rows as f64);
    }
}

/// A relay of this process has `more` lanes than before.
pub(crate) fn show_lanes(outbox: &Arc<str>, more: f64) {
    metrics::gauge!(names::LANES, "outbox" => Arc::clone(outbox)).increment(more);
}

/// Shows the age of the oldest event in the lanes of a relay of this process.
pub(crate) fn show_oldest(outbox: &Arc<str>, seconds: f64) {
    metrics::gauge!(names::RELAY_OLDEST, "outbox" => Arc::clone(outbox)).set(seconds);
}

/// As many relays `more` of this process as before do not get through to `dependency`.
pub(crate) fn show_circuit(outbox: &Arc<str>, dependency: Dependency, more: f64) {
    let dependency = match dependency {
        Dependency::Broker => "broker",
        Dependency::Database => "database",
        Dependency::Listener => "listener",
    };
    metrics::gauge!(names::CIRCUIT, "outbox" => Arc::clone(outbox), "dependency" => dependency).increment(more);
}

/// The outbox was counted just now.
pub(crate) fn show_backlog(outbox: &Arc<str>, stats: &OutboxStats) {
    let oldest = stats.oldest_pending_age.unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "no table has 2^52 rows")]
    let counts = [(names::PENDING, stats.pending as f64), (names::DEAD, stats.dead as f64)];
    let now = Timestamp::now().as_duration().as_secs_f64();
    for (name, value) in counts.into_iter().chain([(names::OLDEST_AGE, oldest.as_secs_f64()), (names::COUNTED_AT, now)])
    {
        metrics::gauge!(name, "outbox" => Arc::clone(outbox)).set(value);
    }
}
