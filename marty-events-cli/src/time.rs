//! Times as people write and read them.

use std::time::Duration;

use jiff::SignedDuration;

/// Parses an argument: `4s`, `1h 30m`, `PT90M`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let time: SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_and_told() {
        assert_eq!(duration("1h 30m"), Ok(Duration::from_mins(90)));
        assert!(duration("-1s").is_err() && duration("soon").is_err());
        assert_eq!(duration("2562047788015215h"), Err("it is longer than 100 years".to_owned()));
        let told = [0, 59, 61, 3_660, 90_000].map(|seconds| in_words(Duration::from_secs(seconds)));
        assert_eq!(told, ["0 ms", "59.0 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }
}
