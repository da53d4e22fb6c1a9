//! A line of the last hour as inline SVG. Colours come from the style sheet, since the policy admits no style on an element.

use std::{fmt::Write, time::Duration};

use maud::{Markup, html};

use super::history::Point;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 130.0;
/// The room for the values beside the axis, and for the times below it.
const LEFT: f64 = 46.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 8.0;

/// The unit of a line's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Number,
    Seconds,
}

/// The ends of an axis of seconds that their halves are round of too.
const SECONDS: [f64; 14] = [
    2.0, 10.0, 20.0, 60.0, 120.0, 600.0, 1_200.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0, 86_400.0, 172_800.0, 864_000.0,
];

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Self::Number => short(value),
            Self::Seconds => short_time(value),
        }
    }

    /// The end of an axis: a round value that is not less than this one.
    fn end(self, value: f64) -> f64 {
        let mut ends = SECONDS.into_iter().filter(|_| self == Self::Seconds);
        ends.find(|end| value <= *end).unwrap_or_else(|| round_up(value))
    }
}

/// A picture of one line: its name, its values as texts, and whether more of it is bad news.
pub(super) struct Chart<'a> {
    pub(super) name: &'a str,
    pub(super) points: &'a [Point],
    /// The time that the axis shows.
    pub(super) span: Duration,
    pub(super) unit: Unit,
    pub(super) is_bad: bool,
}

impl Chart<'_> {
    pub(super) fn figure(&self) -> Markup {
        let (name, text) = (self.name, |value| self.unit.text(value));
        let Some(last) = self.points.last() else {
            return html! {
                figure { figcaption { (name) } p.note { "The line begins once there are enough counts." } }
            };
        };
        let most = self.points.iter().map(|point| point.value).fold(0.0, f64::max);
        let top = self.unit.end(most);
        let (now, minutes) = (text(last.value), self.span.as_secs() / 60);
        let says = format!("{name} in the last {minutes} minutes: now {now}, at most {}", text(most));
        let times = [("first", format!("−{minutes} min"), self.span), ("last", "now".to_owned(), Duration::ZERO)];
        let class = if self.is_bad { "line bad" } else { "line" };
        html! {
            figure {
                figcaption { (name) " " strong { (text(last.value)) } }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(says) {
                    @for share in [0.0, 0.5, 1.0] {
                        line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(height(share)) y2=(height(share)) {}
                        text.value x=(LEFT - 6.0) y=(height(share) + 4.0) { (text(top * share)) }
                    }
                    @for (place, says, age) in times {
                        text class={ "time " (place) } x=(self.across(age)) y=(HEIGHT - 4.0) { (says) }
                    }
                    path class=(class) d=(self.path(top)) {}
                    circle class=(class) cx=(self.across(last.age)) cy=(height(last.value / top)) r="3" {}
                }
            }
        }
    }

    /// The line, with a new beginning after each gap.
    fn path(&self, top: f64) -> String {
        let mut path = String::new();
        for point in self.points {
            let step = if point.is_after_gap { 'M' } else { 'L' };
            let (x, y) = (self.across(point.age), height(point.value / top));
            // Writing to a String does not fail.
            let _ = write!(path, "{step}{x:.1} {y:.1}");
        }
        path
    }

    /// The place of an age, with the present on the right.
    fn across(&self, age: Duration) -> f64 {
        let share = 1.0 - (age.as_secs_f64() / self.span.as_secs_f64()).clamp(0.0, 1.0);
        (LEFT + share * (WIDTH - LEFT - RIGHT)).round()
    }
}

/// The height of a share of the axis.
fn height(share: f64) -> f64 {
    let drawn = HEIGHT - BOTTOM - TOP;
    ((TOP + (1.0 - share.clamp(0.0, 1.0)) * drawn) * 10.0).round() / 10.0
}

/// A round number: 1, 2 or 5 times a power of ten, and not less than the value.
fn round_up(value: f64) -> f64 {
    let mut end = 1.0;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if value <= end * factor {
                return end * factor;
            }
        }
        end *= 10.0;
    }
}

/// A number of an axis in few letters: `0.5`, `20`, `1.5k`, `3M`.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        value if value < 1e3 => (value, ""),
        value if value < 1e6 => (value / 1e3, "k"),
        value => (value / 1e6, "M"),
    };
    let digits = usize::from(0.05 < (value - value.round()).abs());
    format!("{value:.digits$}{unit}")
}

/// A time in seconds in few letters: `30 s`, `5 min`, `1.5 h`.
fn short_time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{} s", short(seconds)),
        seconds if seconds < 7_200.0 => format!("{} min", short(seconds / 60.0)),
        seconds if seconds < 172_800.0 => format!("{} h", short(seconds / 3_600.0)),
        seconds => format!("{} d", short(seconds / 86_400.0)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_has_axes_values_and_gaps() {
        let point = |seconds, value, is_after_gap| Point { age: Duration::from_secs(seconds), value, is_after_gap };
        let points = [point(3_600, 0.0, true), point(1_800, 12.0, false), point(600, 3.0, true), point(0, 7.0, false)];
        let chart = Chart {
            name: "Waiting",
            points: &points,
            span: Duration::from_hours(1),
            unit: Unit::Number,
            is_bad: false,
        };
        assert_eq!(chart.path(20.0), "M46.0 110.0L179.0 50.0M268.0 95.0L312.0 75.0");
        let figure = chart.figure().into_string();
        for part in [">20<", ">10<", ">0<", "−60 min", "now 7, at most 12"] {
            assert!(figure.contains(part), "{part}: {figure}");
        }
        assert!(!figure.contains("style="), "{figure}");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let ends = [0.0, 1.0, 3.0, 12.0, 51.0, 1e6].map(|value| round_up(value).to_string());
        assert_eq!(ends, ["1", "1", "5", "20", "100", "1000000"]);
        let ends = [0.0, 1_270.0, 9e6].map(|value| Unit::Seconds.text(Unit::Seconds.end(value)));
        assert_eq!(ends, ["2 s", "60 min", "115.7 d"]);
        assert_eq!([0.0, 0.5, 25.0, 1_500.0, 3e6].map(short), ["0", "0.5", "25", "1.5k", "3M"]);
        assert_eq!([30.0, 300.0, 9_000.0, 3e5].map(short_time), ["30 s", "5 min", "2.5 h", "3.5 d"]);
    }
}
