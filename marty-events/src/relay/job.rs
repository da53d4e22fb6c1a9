//! Work that goes on beside the relay's loop.

use std::{fmt, future::Future, pin::Pin};

/// One piece of work at a time, of one kind; or none.
///
/// Nothing that may take its time is awaited in the relay's loop itself: a read of a degraded table must not keep a heartbeat waiting, nor
/// a locked table of dead letters a settlement. Dropping a job gives its work up.
pub(super) struct Job<'a, T>(Option<Pin<Box<dyn Future<Output = T> + Send + 'a>>>);

impl<'a, T> Job<'a, T> {
    pub(super) fn idle() -> Self {
        Self(None)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn start(&mut self, work: impl Future<Output = T> + Send + 'a) {
        self.0 = Some(Box::pin(work));
    }

    /// The result of the work; never where there is none. Cancel safe.
    pub(super) async fn done(&mut self) -> T {
        let Some(work) = &mut self.0 else { return std::future::pending().await };
        let result = work.await;
        self.0 = None;
        result
    }
}

impl<T> fmt::Debug for Job<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_idle() { "idle" } else { "under way" })
    }
}
