//! Work that goes on beside the relay's loop.

use std::{fmt, future::Future, panic};

use tokio::task::JoinHandle;

/// One piece of work at a time, of one kind; or none.
///
/// Nothing that may take its time is awaited in the relay's loop itself: a read of a degraded table must not keep a heartbeat waiting, nor
/// a locked table of dead letters a settlement. It is a task of its own, so that reading a large page does not keep the loop from
/// sending either. Dropping a job gives its work up.
pub(super) struct Job<T>(Option<JoinHandle<T>>);

impl<T: Send + 'static> Job<T> {
    pub(super) fn start(&mut self, work: impl Future<Output = T> + Send + 'static) {
        self.give_up();
        self.0 = Some(tokio::spawn(work));
    }

    /// The result of the work; never where there is none. Cancel safe.
    pub(super) async fn done(&mut self) -> T {
        let Some(work) = &mut self.0 else { return std::future::pending().await };
        let result = work.await;
        self.0 = None;
        match result {
            Ok(result) => result,
            Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            // The runtime goes down, and this future with it.
            Err(_) => std::future::pending().await,
        }
    }
}

impl<T> Job<T> {
    pub(super) fn idle() -> Self {
        Self(None)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    fn give_up(&mut self) {
        if let Some(work) = self.0.take() {
            work.abort();
        }
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_idle() { "idle" } else { "under way" })
    }
}
