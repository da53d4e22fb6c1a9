//! Times as people write and read them.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// Parses an argument: `4s`, `1h 30m`, `30d`, `PT90M`. A day has 24 hours.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let in_days = |span: Span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok();
    let time = text.parse::<SignedDuration>().ok().or_else(|| text.parse().ok().and_then(in_days));
    let time = time.ok_or("write a duration such as 90s, 10m, 1h 30m or 30d")?;
    let time = Duration::try_from(time).map_err(|_| "a time cannot be negative".to_owned())?;
    if LONGEST < time {
        return Err("it is longer than 100 years".to_owned());
    }
    Ok(time)
}

/// 100 years. A longer time could not be added to a point in time.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 100);

/// `850 ms`, `12.5 s`, `3 min`, `2 h 5 min`, `4 d 2 h`.
pub(crate) fn in_words(time: Duration) -> String {
    let (seconds, minutes) = (time.as_secs(), time.as_secs() / 60);
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3_600 => format!("{minutes} min"),
        3_600..86_400 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1_440, minutes / 60 % 24),
    }
}

/// RFC 3339 in UTC with six digits behind the second, so that times stand below each other and sort as texts.
pub(crate) fn stamp(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_and_told() {
        assert_eq!(duration("1h 30m"), Ok(Duration::from_mins(90)));
        assert_eq!(duration("30d"), Ok(Duration::from_hours(30 * 24)));
        assert_eq!(duration("1w 1d 12h"), Ok(Duration::from_hours(8 * 24 + 12)));
        assert_eq!(duration("P2DT1S"), Ok(Duration::from_secs(2 * 86_400 + 1)));
        assert_eq!(duration("-1s"), Err("a time cannot be negative".to_owned()));
        for text in ["soon", "5", "2 months", "1y"] {
            assert_eq!(duration(text), Err("write a duration such as 90s, 10m, 1h 30m or 30d".to_owned()));
        }
        assert_eq!(duration("2562047788015215h"), Err("it is longer than 100 years".to_owned()));
        let told = [0, 59, 61, 3_660, 90_000].map(|seconds| in_words(Duration::from_secs(seconds)));
        assert_eq!(told, ["0 ms", "59.0 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn every_time_has_the_same_width() {
        for (time, told) in [
            ("2026-03-01T09:15:02Z", "2026-03-01T09:15:02.000000Z"),
            ("2026-03-01T09:15:02.118204Z", "2026-03-01T09:15:02.118204Z"),
            ("2026-03-01T09:15:02.118204917Z", "2026-03-01T09:15:02.118204Z"),
        ] {
            assert_eq!(stamp(time.parse().expect("a time")), told);
        }
    }
}
