//! Fencing: a relay writes nothing under a term that is over.

use std::time::Duration;

use marty_events::{DomainEvent, OutboxRelay, OutboxTransaction, outbox::OutboxPool};
use marty_events_tests::{topics, wait};
use sqlx::{Database, Pool};

use super::Fixture;
use crate::support::{
    events::numbered,
    service::{RunningRelay, config},
};

/// Gives all lanes to a relay that is not there.
const TAKE_OVER: &str = "UPDATE event_outbox_lanes SET owner = '00000000-0000-4000-8000-000000000000', term = term + 1";
/// Puts that relay in the place of the one on the list, whose lease it has; one that asks anew for its lanes is on it again.
const REPLACE: &str = "UPDATE event_outbox_relays SET relay = '00000000-0000-4000-8000-000000000000'";
/// Strikes it off the list.
const FORGET: &str = "DELETE FROM event_outbox_relays";
const EMPTY: &str = "DELETE FROM event_outbox";
/// A heartbeat of a version without names.
const EARLIER: &str = "INSERT INTO event_outbox_relays (relay, expires_at, lease, delivers, published, mark)
    SELECT '00000000-0000-4000-8000-000000000000', expires_at, lease, delivers, 0, NULL FROM event_outbox_relays";
/// Gives all lanes to the relay that asks for them first.
const FREE: &str = "UPDATE event_outbox_lanes SET owner = NULL";

impl<DB> Fixture<DB>
where
    DB: Database<Connection: OutboxTransaction>,
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    /// Several relays share the work, and a relay settles nothing after its term.
    pub(super) async fn settles_nothing_under_an_old_term(self) {
        // It asks for its lanes every 20 minutes, so it is the settling that finds out.
        let hour = Duration::from_hours(1);
        let relay = OutboxRelay::builder(&self.pool).config(config(&self.brokers, &self.prefix));
        let relay = RunningRelay::start(relay.lease_time(hour).idle_poll(hour));
        self.write((0..20).map(|key| numbered(&format!("k-{key}"), 0))).await;
        self.reader.events(20).await;
        self.until_empty().await;
        let relays = self.outbox.relays().await.expect("the relays");
        let [known] = &relays[..] else { panic!("{relays:?}") };
        assert!(known.is_alive && known.lanes == (1..=16).collect::<Vec<_>>(), "{known:?}");
        (self.execute)(self.pool.clone(), TAKE_OVER).await;
        let relays = self.outbox.relays().await.expect("the relays");
        assert!(relays.len() == 1 && relays[0].lanes.is_empty(), "{relays:?}");
        // The new owner is alive: a relay that finds out before it is asked to go must not take the lanes back.
        (self.execute)(self.pool.clone(), REPLACE).await;
        // One event: the settlement that finds out purges the others in flight.
        self.write([numbered("k-0", 1)]).await;
        self.reader.events(21).await;
        // Asked to go, it settles the events that it has sent, or would if it could.
        relay.stop().await;
        let stats = self.outbox.stats().await.expect("the counts");
        assert_eq!((stats.pending, stats.published), (1, 20), "the later one is the new owner's to settle");
        let left = self.outbox.relays().await.expect("the relays");
        assert!(left.len() == 1 && left[0].relay != known.relay, "it said that it is gone: {left:?}");
    }

    /// People find the process that a relay is in, and see relays of earlier versions, which have no names, beside it.
    pub(super) async fn names_its_relays(self) {
        let relay = OutboxRelay::builder(&self.pool).config(config(&self.brokers, &self.prefix));
        // The other relay's lease ends as early.
        let relay = RunningRelay::start(relay.lease_time(Duration::from_hours(1)));
        let named = wait::until("the relay", || async {
            self.outbox.relays().await.ok()?.into_iter().find(|relay| !relay.lanes.is_empty())
        })
        .await;
        assert_eq!(named.service.as_deref(), Some("suite"));
        assert_eq!((named.process_id, named.version.as_deref()), (Some(std::process::id()), Some("0.1.0")));
        assert!(named.host.as_deref().is_some_and(|host| !host.is_empty()), "{named:?}");
        (self.execute)(self.pool.clone(), EARLIER).await;
        let relays = self.outbox.relays().await.expect("the relays");
        let earlier = relays.iter().find(|relay| relay.relay != named.relay).expect("the other relay");
        let told = (&earlier.service, &earlier.host, earlier.process_id, &earlier.version);
        assert_eq!((earlier.is_alive, told), (true, (&None, &None, None, &None)));
        relay.stop().await;
    }

    /// Nor does it count a refusal or bury an event.
    pub(super) async fn judges_nothing_under_an_old_term(self) {
        let topic = format!("{}.suite.account.moved", self.prefix);
        topics::create(&self.brokers, &topic, 2_000).await;
        let hour = Duration::from_hours(1);
        for (round, max_attempts) in [2, 9].into_iter().enumerate() {
            let relay = OutboxRelay::builder(&self.pool).config(config(&self.brokers, &self.prefix));
            let relay = relay.lease_time(hour).idle_poll(hour).max_attempts(max_attempts);
            let relay = RunningRelay::start(relay.retry_delay(wait::patient(Duration::from_secs(5))));
            let key = format!("k-{round}");
            self.write([DomainEvent::new("account", &key, "moved").data(&"x".repeat(5_000))]).await;
            let attempts = async || {
                let pending = self.outbox.pending(9).await.expect("the backlog");
                pending.iter().filter(|event| event.key.as_ref() == Some(&key)).map(|event| event.attempts).next()
            };
            wait::until("a refusal", || async { (attempts().await == Some(1)).then_some(()) }).await;
            (self.execute)(self.pool.clone(), TAKE_OVER).await;
            (self.execute)(self.pool.clone(), REPLACE).await;
            // It tries again, is refused again, and finds out.
            wait::until("it to ask anew", || async { (self.outbox.relays().await.ok()?.len() == 2).then_some(()) })
                .await;
            relay.stop().await;
            assert_eq!(attempts().await, Some(1), "it is the new owner's to judge");
            assert_eq!(self.outbox.stats().await.expect("the counts").dead, 0);
            // The next relay would rightly bury it.
            (self.execute)(self.pool.clone(), EMPTY).await;
            (self.execute)(self.pool.clone(), FREE).await;
            (self.execute)(self.pool.clone(), FORGET).await;
        }
    }
}
