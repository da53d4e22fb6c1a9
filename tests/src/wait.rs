//! Waiting for a condition, with a deadline.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// How long a test waits for what must happen.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Asks until `condition` answers something.
///
/// # Panics
///
/// When it has not within [`DEADLINE`].
pub async fn until<T, F, Fut>(what: &str, condition: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    within(DEADLINE, what, condition).await
}

/// The same with a deadline of its own.
///
/// # Panics
///
/// When `condition` answers nothing within `limit`.
pub async fn within<T, F, Fut>(limit: Duration, what: &str, mut condition: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let begin = Instant::now();
    loop {
        if let Some(answer) = condition().await {
            return answer;
        }
        assert!(begin.elapsed() < limit, "waited {limit:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
