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

/// The counts of one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pending: u64,
    oldest: Duration,
    dead: u64,
    published: u64,
}

impl From<OutboxStats> for Sample {
    fn from(stats: OutboxStats) -> Self {
        let oldest = stats.oldest_pending_age.unwrap_or_default();
        Self { pending: stats.pending, oldest, dead: stats.dead, published: stats.published }
    }
}

/// The samples of an hour, the oldest first.
#[derive(Default)]
pub(super) struct History(VecDeque<(Instant, Sample)>);

impl History {
    /// Keeps the counts, unless the last ones are younger than [`STEP`].
    pub(super) fn note(&mut self, now: Instant, sample: Sample) {
        if self.0.back().is_some_and(|(at, _)| now.duration_since(*at) < STEP) {
            return;
        }
        self.0.push_back((now, sample));
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
        let mut before: Option<(Instant, Sample)> = None;
        for &(at, sample) in &self.0 {
            let is_after_gap = before.is_none_or(|(last, _)| GAP < at.duration_since(last));
            let point = |value| Point { age: now.duration_since(at), value, is_after_gap };
            lines.waiting.push(point(sample.pending as f64));
            lines.oldest.push(point(sample.oldest.as_secs_f64()));
            lines.dead.push(point(sample.dead as f64));
            // The counter falls where the outbox was created again or restored.
            if let Some((last, earlier)) = before.filter(|(_, earlier)| earlier.published <= sample.published) {
                let delivered = (sample.published - earlier.published) as f64;
                let is_after_gap = is_after_gap || lines.delivered.is_empty();
                let value = delivered / at.duration_since(last).as_secs_f64();
                lines.delivered.push(Point { is_after_gap, ..point(value) });
            }
            before = Some((at, sample));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_an_hour_have_paces_and_gaps() {
        let (mut history, begin) = (History::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let sample = |published| Sample { pending: 3, oldest: Duration::from_secs(4), dead: 1, published };
        for (second, published) in [(0, 100), (5, 150), (10, 200), (20, 250), (100, 1_050), (110, 7), (120, 17)] {
            history.note(at(second), sample(published));
        }
        let lines = history.lines(at(120));
        let told = |points: &[Point]| -> Vec<_> {
            points.iter().map(|point| (point.age.as_secs(), point.value.to_string(), point.is_after_gap)).collect()
        };
        let text = |value: &str| value.to_owned();
        let paces = [(110, text("10"), true), (100, text("5"), false), (20, text("10"), true), (0, text("1"), false)];
        assert_eq!(told(&lines.delivered), paces, "one sample in ten seconds, and none over a counter that fell");
        let gaps: Vec<_> = lines.waiting.iter().map(|point| point.is_after_gap).collect();
        assert_eq!(gaps, [true, false, false, true, false, false]);
        assert_eq!((lines.oldest.len(), lines.dead.len(), lines.span), (6, 6, Duration::from_mins(5)));

        history.note(at(3_700), sample(18));
        let lines = history.lines(at(3_700));
        assert_eq!((lines.waiting.len(), lines.span), (4, SPAN), "an hour is kept");
    }
}
