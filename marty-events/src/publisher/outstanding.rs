//! The direct events that were accepted and are not over.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Counts them, and accepts no more once it is closed.
#[derive(Default)]
pub(super) struct Outstanding {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    events: usize,
    is_closed: bool,
}

/// One accepted event; it is over when this is dropped.
pub(super) struct Place(Arc<Outstanding>);

impl Outstanding {
    /// Accepts an event, unless it is closed.
    pub(super) fn accept(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state();
        if state.is_closed {
            return None;
        }
        state.events += 1;
        Some(Place(self.clone()))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Accepts no further event from here on.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
    }

    /// Waits until every event is over or `limit` has passed; answers how many events are left then. Blocks the thread.
    pub(super) fn wait(&self, limit: Duration) -> usize {
        let waited = self.ended.wait_timeout_while(self.state(), limit, |state| 0 < state.events);
        waited.unwrap_or_else(PoisonError::into_inner).0.events
    }

    pub(super) fn len(&self) -> usize {
        self.state().events
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.state().events -= 1;
        self.0.ended.notify_all();
    }
}
