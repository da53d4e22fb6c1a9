//! Ports for servers that a test starts.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    sync::{Mutex, PoisonError},
};

/// The kernel takes the ports of outgoing connections from 32768 on, and `scripts/services` chooses from 20000 on.
const CHOICE: std::ops::Range<u16> = 10_000..20_000;

static CHOSEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Ports on the loopback interface that no process uses and no other test was given. They stay free until the server takes them, also
/// while it is stopped.
#[must_use]
pub fn free<const COUNT: usize>() -> [u16; COUNT] {
    [(); COUNT].map(|()| one())
}

/// One of them.
#[must_use]
pub fn one() -> u16 {
    let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let port = rand::random_range(CHOICE);
        if !chosen.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            chosen.insert(port);
            return port;
        }
    }
}
