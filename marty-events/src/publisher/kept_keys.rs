//! Which keys have events in the outbox that this publisher kept there.
//!
//! An event of such a key that went to the broker directly would overtake the kept one. So it follows it through the outbox, until the
//! kept one has left.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{event::message::Message, outbox::OutboxRepository};

/// How many keys are told apart. Beyond that all keys count as one.
const MOST_KEYS: usize = 10_000;

/// By the key's hash, the number that is at least that of its last kept event; nothing while that is not known.
#[derive(Debug, Default)]
pub(super) struct KeptKeys(Mutex<HashMap<u32, Option<i64>>>);

impl KeptKeys {
    /// An event goes into the outbox.
    pub(super) fn add(&self, message: &Message) {
        if let Some(hash) = hash(message) {
            let mut keys = self.keys();
            let is_full = MOST_KEYS <= keys.len() && !keys.contains_key(&hash);
            keys.insert(if is_full { ALL } else { hash }, None);
        }
    }

    /// It is there.
    pub(super) async fn is_kept(&self, message: &Message, outbox: &OutboxRepository) {
        let Some(hash) = hash(message) else { return };
        // Without an answer, the next event of the key goes into the outbox in any case.
        let Ok(last) = outbox.last_pending().await else { return };
        let mut keys = self.keys();
        let hash = if keys.contains_key(&hash) { hash } else { ALL };
        match last {
            Some(_) => drop(keys.get_mut(&hash).map(|known| *known = last.max(*known))),
            // A relay was faster.
            None => drop(keys.remove(&hash)),
        }
    }

    /// Whether an event of this key may still be in the outbox, as far as is known without asking.
    pub(super) fn may_hold(&self, message: &Message) -> bool {
        let Some(hash) = hash(message) else { return false };
        let keys = self.keys();
        keys.contains_key(&hash) || keys.contains_key(&ALL)
    }

    /// The same, once the outbox was asked. Keys whose events have left are forgotten.
    pub(super) async fn holds(&self, message: &Message, outbox: &OutboxRepository) -> bool {
        let Ok(first) = outbox.pending(1).await else { return true };
        let first = first.first().map(|event| event.seq);
        self.keys().retain(|_, last| match (first, *last) {
            (None, Some(_)) => false,
            (Some(first), Some(last)) => first <= last,
            // Its own may be on its way into the outbox.
            (_, None) => true,
        });
        self.may_hold(message)
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<u32, Option<i64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the place of all keys that are not told apart.
const ALL: u32 = 0;

/// Only what is delivered in an order has one to keep.
fn hash(message: &Message) -> Option<u32> {
    message.ordering_key.as_ref().map(|key| crc32fast::hash(key.as_bytes()).max(1))
}
