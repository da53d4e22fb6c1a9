use std::time::Duration;

/// The settings of a consumer; the builder explains each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) concurrency: usize,
    pub(super) attempts: u32,
    pub(super) retry_delay: Duration,
    pub(super) longest_retry_delay: Duration,
    pub(super) holds_keys: bool,
    pub(super) handler_timeout: Duration,
    pub(super) inbox_retention: Duration,
    pub(super) drain_time: Duration,
    pub(super) in_flight: usize,
    pub(super) in_flight_bytes: usize,
    pub(super) longest_batch: usize,
}

impl Settings {
    /// The pause after this many failed attempts. It doubles, and the spread by the event's id keeps keys that failed together apart.
    pub(super) fn pause(&self, attempts: u32, event_id: &str) -> Duration {
        let doubled = self.retry_delay.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
        let spread = f64::from(crc32fast::hash(event_id.as_bytes()) % 1_000) / 4_000.0;
        doubled.min(self.longest_retry_delay).mul_f64(0.875 + spread)
    }
}

/// The builder's documentation says each.
impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            attempts: 10,
            retry_delay: Duration::from_secs(1),
            longest_retry_delay: Duration::from_mins(5),
            holds_keys: false,
            handler_timeout: Duration::from_secs(30),
            inbox_retention: Duration::from_hours(7 * 24),
            drain_time: Duration::from_secs(10),
            in_flight: 5_000,
            in_flight_bytes: 64 << 20,
            longest_batch: 100,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_differ_between_events() {
        let settings = Settings::default();
        let pauses: Vec<f64> = (1..40).map(|attempts| settings.pause(attempts, "a").as_secs_f64()).collect();
        assert!(
            pauses.is_sorted() && (0.8..1.2).contains(&pauses[0]) && (250.0..350.0).contains(&pauses[38]),
            "{pauses:?}"
        );
        assert_ne!(settings.pause(1, "a"), settings.pause(1, "b"));
    }
}
