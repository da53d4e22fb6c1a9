use std::time::Duration;

/// A hundred years. A longer time could not be added to a point in time, neither here nor in a database.
pub(crate) const LONGEST_TIME: Duration = Duration::from_hours(24 * 365 * 100);

/// Milliseconds, for intervals in SQL.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.min(LONGEST_TIME).as_millis()).unwrap_or(i64::MAX)
}
