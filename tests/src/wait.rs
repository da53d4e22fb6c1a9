//! Waiting for a condition, with a deadline that grows with the machine's slowness.

use std::{
    fmt::Display,
    fs,
    future::Future,
    num::NonZeroUsize,
    thread,
    time::{Duration, Instant},
};

/// The time that a test waits for a condition on a machine with nothing else to do.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// On a machine that is slower than this, a test may as well fail.
const SLOWEST: f64 = 8.0;

/// The factor by which everything takes longer now than alone: the tasks that run or wait for a disk, for each core. The larger of the
/// last minute and this moment counts (Linux, `proc_loadavg(5)`). Never below 1.
#[must_use]
pub fn slowness() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    slowness_of(&load, cores)
}

fn slowness_of(load: &str, cores: usize) -> f64 {
    let mut fields = load.split_whitespace();
    let minute: f64 = fields.next().and_then(|text| text.parse().ok()).unwrap_or_default();
    let now: f64 = fields.nth(2).and_then(|text| text.split('/').next()?.parse().ok()).unwrap_or_default();
    let cores = f64::from(u32::try_from(cores).unwrap_or(u32::MAX));
    (minute.max(now) / cores).clamp(1.0, SLOWEST)
}

/// The time that `limit` of a machine with nothing else to do takes on this one now.
#[must_use]
pub fn patient(limit: Duration) -> Duration {
    limit.mul_f64(slowness())
}

/// Waits until `condition` answers something. `what` is shown when it does not, and may say then how far it has come.
///
/// # Panics
///
/// When it has not within [`DEADLINE`].
pub async fn until<T, F, Fut>(what: impl Display, condition: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    within(DEADLINE, what, condition).await
}

/// The same with a limit of its own.
///
/// # Panics
///
/// When `condition` answers nothing within the [`patient`] `limit`.
pub async fn within<T, F, Fut>(limit: Duration, what: impl Display, mut condition: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let begin = Instant::now();
    loop {
        if let Some(answer) = condition().await {
            return answer;
        }
        assert_within(begin, limit, &what);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Checks that no more than the [`patient`] `limit` has passed since `begin`.
///
/// # Panics
///
/// When more has passed.
#[track_caller]
pub fn assert_within(begin: Instant, limit: Duration, what: impl Display) {
    let passed = begin.elapsed();
    // The load is read only where it counts.
    assert!(
        passed < limit || passed < patient(limit),
        "{what}: {passed:?} have passed, which is beyond {limit:?} at a slowness of {:.1}",
        slowness()
    );
}

/// The answer of `future`.
///
/// # Panics
///
/// When it answers nothing within the [`patient`] `limit`.
pub async fn answer<F: Future>(limit: Duration, what: &str, future: F) -> F::Output {
    let mut future = Box::pin(future);
    let begin = Instant::now();
    loop {
        if let Ok(answer) = tokio::time::timeout(limit, &mut future).await {
            return answer;
        }
        assert_within(begin, limit, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_is_waited_for() {
        assert_eq!(slowness_of("0.20 0.30 0.40 1/600 4242", 2).to_bits(), 1.0_f64.to_bits());
        assert_eq!(slowness_of("5.00 0.30 0.40 1/600 4242", 2).to_bits(), 2.5_f64.to_bits());
        assert_eq!(slowness_of("0.00 0.30 0.40 6/600 4242", 2).to_bits(), 3.0_f64.to_bits());
        assert_eq!(slowness_of("99.0 0.30 0.40 1/600 4242", 2).to_bits(), SLOWEST.to_bits());
        assert_eq!(slowness_of("", 2).to_bits(), 1.0_f64.to_bits());
    }
}
