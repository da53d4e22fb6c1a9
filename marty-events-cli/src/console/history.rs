//! The counts of the last hour, for lines on the overview.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use marty_events::outbox::OutboxStats;

/// The time that is kept.
const SPAN: Duration = Duration::from_hours(1);
/// The times that an axis may show, in minutes: the shortest one that the samples do not fill.
const AXES: [u64; 3] = [5, 15, 30];
/// The shortest time between two samples: 360 of them make an hour.
pub(super) const STEP: Duration = Duration::from_secs(10);
/// A longer time between two samples is a gap in the line.
const GAP: Duration = Duration::from_mins(1);

/// A value of a line: its age, and the number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) age: Duration,
    pub(super) value: f64,
    /// Nothing is known of the time before it.
    pub(super) is_after_gap: bool,
}

/// The four lines of the overview.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    /// The time that the axes show: an hour, or less while the process is young.
    pub(super) span: Duration,
    pub(super) delivered: Vec<Point>,
    pub(super) waiting: Vec<Point>,
    pub(super) oldest: Vec<Point>,
    pub(super) dead: Vec<Point>,
}

/// The samples of an hour, the oldest first.
#[derive(Default)]
pub(super) struct History(VecDeque<(Instant, OutboxStats)>);

impl History {
    /// Keeps the counts, unless the last ones are younger than [`STEP`].
    pub(super) fn note(&mut self, now: Instant, stats: OutboxStats) {
        if self.0.back().is_some_and(|(at, _)| now.duration_since(*at) < STEP) {
            return;
        }
        self.0.push_back((now, stats));
        while self.0.front().is_some_and(|(at, _)| SPAN < now.duration_since(*at)) {
            self.0.pop_front();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a picture shows no difference beyond 2^53")]
    pub(super) fn lines(&self, now: Instant) -> Lines {
        let age = self.0.front().map_or(Duration::ZERO, |(at, _)| now.duration_since(*at));
        let axes = AXES.map(Duration::from_mins);
        let span = axes.into_iter().find(|axis| age <= *axis).unwrap_or(SPAN);
        let mut lines = Lines { span, ..Lines::default() };
        let mut before: Option<(Instant, OutboxStats)> = None;
        for &(at, stats) in &self.0 {
            let is_after_gap = before.is_none_or(|(last, _)| GAP < at.duration_since(last));
            let point = |value| Point { age: now.duration_since(at), value, is_after_gap };
            lines.waiting.push(point(stats.pending as f64));
            lines.oldest.push(point(stats.oldest_pending_age.map_or(0.0, |age| age.as_secs_f64())));
            lines.dead.push(point(stats.dead as f64));
            // The counter falls where the outbox was created again or restored.
            if let Some((last, earlier)) = before.filter(|(_, earlier)| earlier.published <= stats.published) {
                let delivered = (stats.published - earlier.published) as f64;
                let is_after_gap = is_after_gap || lines.delivered.is_empty();
                let value = delivered / at.duration_since(last).as_secs_f64();
                lines.delivered.push(Point { is_after_gap, ..point(value) });
            }
            before = Some((at, stats));
        }
        lines
    }
}
