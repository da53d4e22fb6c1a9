//! The keys whose events this publisher has kept in the outbox.
//!
//! An event of such a key that went to the broker directly would overtake the kept one. So it follows it through the outbox, until the
//! kept one has left.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{event::envelope::Message, outbox::OutboxRepository};

/// The most keys that are told apart. Beyond that all keys count as one.
const MOST_KEYS: usize = 10_000;

/// By the key's hash, the number that is at least that of its last kept event; nothing while that is not known.
#[derive(Debug, Default)]
pub(super) struct KeptKeys(Mutex<HashMap<u32, Option<i64>>>);

impl KeptKeys {
    /// An event goes into the outbox.
    pub(super) fn add(&self, message: &Message) {
        if let Some(hash) = hash(message) {
            let mut keys = self.keys();
            let place = place(&keys, hash);
            keys.insert(place, None);
        }
    }

    /// It is there. Its caller must not have heard of it yet.
    pub(super) async fn is_kept(&self, message: &Message, outbox: &OutboxRepository) {
        let Some(hash) = hash(message) else { return };
        // Without an answer, the next event of the key goes into the outbox in any case.
        let Ok(last) = outbox.last_pending().await else { return };
        let mut keys = self.keys();
        let place = place(&keys, hash);
        match last {
            Some(_) => {
                let known = keys.entry(place).or_default();
                *known = last.max(*known);
            }
            // A relay was faster. A number is that of another event, which may have come after this look.
            None if keys.get(&place) == Some(&None) => drop(keys.remove(&place)),
            None => {}
        }
    }

    /// An event of this key may still be in the outbox, as far as is known without asking.
    pub(super) fn may_hold(&self, message: &Message) -> bool {
        let Some(hash) = hash(message) else { return false };
        let keys = self.keys();
        keys.contains_key(&hash) || keys.contains_key(&ALL)
    }

    /// The same, once the outbox was asked. A key whose events have left is forgotten.
    pub(super) async fn holds(&self, message: &Message, outbox: &OutboxRepository) -> bool {
        let Some(hash) = hash(message) else { return false };
        let places = [hash, ALL];
        let before = {
            let keys = self.keys();
            places.map(|place| keys.get(&place).copied())
        };
        let Ok(first) = outbox.pending(1).await else { return true };
        let first = first.first().map(|event| event.seq);
        let mut keys = self.keys();
        for (place, known) in places.into_iter().zip(before) {
            // The answer says nothing about events that came since.
            if let Some(Some(last)) = known
                && keys.get(&place) == Some(&Some(last))
                && first.is_none_or(|first| last < first)
            {
                keys.remove(&place);
            }
        }
        places.iter().any(|place| keys.contains_key(place))
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<u32, Option<i64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the place of all keys that are not told apart.
const ALL: u32 = 0;

fn place(keys: &HashMap<u32, Option<i64>>, hash: u32) -> u32 {
    if MOST_KEYS <= keys.len() && !keys.contains_key(&hash) { ALL } else { hash }
}

/// Only events that are delivered in an order have one to keep.
fn hash(message: &Message) -> Option<u32> {
    message.ordering_key().map(|key| crc32fast::hash(key.as_bytes()).max(1))
}
