//! How often a wrong token may be tried.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So many within [`WINDOW`] from one network; the next is refused unread.
const MOST: usize = 5;
const WINDOW: Duration = Duration::from_mins(1);
/// How many networks are remembered. Beyond that nobody new may try, until the window of some has passed.
const NETWORKS: usize = 1_000;

/// Wrong tokens by the network they came from. Behind a proxy that is one for all.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, VecDeque<Instant>>>);

impl Attempts {
    /// Counts an attempt before it is judged, so that many at once are counted too.
    ///
    /// # Errors
    ///
    /// How long to wait.
    pub(super) fn begin(&self, peer: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut networks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        networks.retain(|_, tried| {
            tried.retain(|at| now.duration_since(*at) < WINDOW);
            !tried.is_empty()
        });
        let network = network(peer);
        if networks.len() == NETWORKS && !networks.contains_key(&network) {
            return Err(WINDOW);
        }
        let tried = networks.entry(network).or_default();
        if let Some(first) = tried.front().filter(|_| MOST <= tried.len()) {
            return Err(WINDOW.saturating_sub(now.duration_since(*first)));
        }
        tried.push_back(now);
        Ok(())
    }

    /// Forgets those before a right one.
    pub(super) fn succeed(&self, peer: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&network(peer));
    }
}

/// One subscriber has 2^64 addresses of IPv6 (RFC 6177).
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_attempt_of_a_network_waits_for_the_first_to_be_a_minute_old() {
        let (attempts, begin) = (Attempts::default(), Instant::now());
        let (peer, neighbour) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        for second in 0..5 {
            attempts.begin(peer, begin + Duration::from_secs(second)).unwrap();
        }
        let later = begin + Duration::from_secs(10);
        assert_eq!(attempts.begin(neighbour, later), Err(Duration::from_secs(50)));
        assert_eq!(attempts.begin("2001:db8:0:1::1".parse().unwrap(), later), Ok(()));
        assert_eq!(attempts.begin("127.0.0.1".parse().unwrap(), later), Ok(()));
        assert_eq!(attempts.begin(peer, begin + WINDOW), Ok(()));
        assert!(attempts.begin(peer, begin + WINDOW).is_err());
        attempts.succeed(neighbour);
        assert_eq!(attempts.begin(peer, begin + WINDOW), Ok(()));
    }

    #[test]
    fn many_networks_fill_no_memory() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..1_000_u32 {
            attempts.begin(IpAddr::V4(number.into()), now).unwrap();
        }
        assert_eq!(attempts.begin("10.0.0.1".parse().unwrap(), now), Err(WINDOW));
        assert_eq!(attempts.begin("10.0.0.1".parse().unwrap(), now + WINDOW), Ok(()));
    }
}
