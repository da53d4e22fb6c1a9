//! A thread with a runtime of its own: for events that no caller waits for, and for callers that do not run on tokio.
//!
//! So handing an event over neither waits nor needs a runtime, and takes no lock and no connection that the caller may hold.

use std::{convert::Infallible, io, thread};

use tokio::{
    runtime::{EnterGuard, Handle, Runtime},
    sync::mpsc,
    task::JoinHandle,
};

/// The background's runtime. It ends when this and all tasks that hold it are gone.
pub(super) struct Background {
    runtime: Handle,
    _alive: mpsc::Sender<Infallible>,
}

impl Background {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let (alive, mut ended) = mpsc::channel::<Infallible>(1);
        // The thread comes first: a runtime that is dropped with it where the caller is in an asynchronous context, panics.
        let (given, awaited) = std::sync::mpsc::sync_channel::<Runtime>(1);
        thread::Builder::new().name("marty-events".to_owned()).spawn(move || {
            if let Ok(runtime) = awaited.recv() {
                runtime.block_on(ended.recv());
            }
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        given.send(runtime).map_err(io::Error::other)?;
        Ok(Self { runtime: handle, _alive: alive })
    }

    /// Runs a task, which must hold this handle for as long as it runs. Needs no runtime of the caller.
    pub(super) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(task)
    }

    /// For the making of connection pools, whose housekeeping runs here then.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }
}
