//! Events that no caller waits for: records of failures, and direct events whose caller went away.
//!
//! A thread with a runtime of its own delivers them, so that handing one over neither waits nor needs a runtime, and takes
//! no lock and no connection that the caller may hold.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Runtime,
    sync::{Semaphore, mpsc},
};

use super::direct::{Delivery, Direct};
use crate::{error::cause, event::message::Message};

/// How many events wait at the most; one more is logged, counted and gone.
const LONGEST_QUEUE: usize = 1024;
/// How many are under way at a time.
const UNDER_WAY: usize = 64;

/// Hands events to the background thread.
#[derive(Clone)]
pub(super) struct Background {
    queue: mpsc::Sender<Handed>,
    outstanding: Arc<Outstanding>,
}

/// An event, and its way to the broker where it has begun.
pub(super) struct Handed {
    pub(super) message: Message,
    pub(super) delivery: Option<Delivery>,
    /// When it was recorded.
    pub(super) begun: Instant,
}

/// How many events were handed over and are not done.
#[derive(Default)]
struct Outstanding {
    count: Mutex<usize>,
    done: Condvar,
}

impl Background {
    /// Starts the thread; it ends when the last handle is dropped and everything is done. Nothing where it cannot be
    /// started.
    pub(super) fn start(direct: Direct) -> std::io::Result<Self> {
        let (queue, handed) = mpsc::channel(LONGEST_QUEUE);
        let outstanding = Arc::new(Outstanding::default());
        let counted = outstanding.clone();
        // The thread comes first: a runtime that is dropped with it where the caller is in an asynchronous context, panics.
        let (given, awaited) = std::sync::mpsc::sync_channel::<Runtime>(1);
        thread::Builder::new().name("marty-events".to_owned()).spawn(move || {
            if let Ok(runtime) = awaited.recv() {
                runtime.block_on(work(handed, Arc::new(direct), counted));
            }
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        given.send(runtime).map_err(std::io::Error::other)?;
        Ok(Self { queue, outstanding })
    }

    /// Accepts an event without waiting; answers whether there was room.
    pub(super) fn hand_over(&self, handed: Handed) -> bool {
        self.outstanding.begin();
        let accepted = self.queue.try_send(handed);
        if accepted.is_err() {
            self.outstanding.end();
        }
        accepted.is_ok()
    }

    /// Waits until everything is done or `limit` has passed; answers how many events are left then. Blocks the thread.
    pub(super) fn drain(&self, limit: Duration) -> usize {
        let count = self.outstanding.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.outstanding.done.wait_timeout_while(count, limit, |count| 0 < *count);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Outstanding {
    fn begin(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn end(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.done.notify_all();
    }
}

async fn work(mut handed: mpsc::Receiver<Handed>, direct: Arc<Direct>, outstanding: Arc<Outstanding>) {
    let room = Arc::new(Semaphore::new(UNDER_WAY));
    while let Some(Handed { message, delivery, begun }) = handed.recv().await {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let (direct, outstanding) = (direct.clone(), outstanding.clone());
        tokio::spawn(async move {
            if let Err(error) = direct.finish(&message, delivery, begun).await {
                let cause = cause(&error);
                tracing::error!(event_id = %message.id, topic = %message.topic, %error, cause, "an event is lost");
            }
            outstanding.end();
            drop(place);
        });
    }
    // The last handle is gone: what is under way is finished before the runtime is dropped.
    let _ = room.acquire_many(u32::try_from(UNDER_WAY).unwrap_or(u32::MAX)).await;
}
