//! Hot keys whose brokers fail in the middle of them: each of these outages ends, and costs neither events nor order.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use marty_events::{EventConfig, EventPublisher, OutboxRelay, OutboxRepository, outbox::OutboxStats};
use marty_events_tests::{
    acls::{self, Operation},
    database::TestDatabase,
    kafka::{Reader, prefix},
    private_kafka::PrivateKafka,
    private_servers::Cluster,
    secured_kafka::{LIMITED, Listener, SecuredKafka},
    servers, topics, wait,
};
use serde_json::json;

use crate::support::{
    events::{histories, numbered},
    service::{RunningRelay, config},
};

/// Several of them have a partition in common.
const HOT: usize = 6;
const PARTITIONS: i32 = 3;
/// The events of a key in one of the two parts of a trial.
const PART: usize = 2_000;
/// The bytes of an event that the broker does not take, and its number.
const TOO_LARGE: usize = 300_000;
const LARGE: usize = 1_230;

struct Trial {
    database: TestDatabase,
    publisher: EventPublisher,
    outbox: OutboxRepository,
    reader: Reader,
    topic: String,
    written: usize,
    /// The number of an event of the first key that is [`TOO_LARGE`].
    large: Option<usize>,
    relay: RunningRelay,
}

impl Trial {
    /// `own` is the relay's way to the brokers, and `open` one without rights and limits.
    fn start(database: TestDatabase, open: &str, prefix: &str, own: EventConfig) -> Self {
        let publisher = EventPublisher::new(&config(open, prefix)).expect("a publisher");
        let topic = format!("{prefix}.suite.account.moved");
        let relay = OutboxRelay::builder(&database.pool).config(own).lease_time(wait::patient(Duration::from_secs(5)));
        let relay = relay.retry_delay(Duration::from_millis(100)).give_up(false);
        Self {
            publisher,
            outbox: OutboxRepository::new(&database.pool),
            reader: Reader::start(open, prefix),
            topic,
            written: 0,
            large: None,
            relay: RunningRelay::start(relay),
            database,
        }
    }

    /// Writes the next part of every key: keys one behind the other, and rare ones between them.
    async fn write(&mut self) {
        let numbers = self.written..self.written + PART;
        let mut transaction = self.database.pool.begin().await.expect("a transaction");
        for key in 0..HOT {
            let is_large = |number| key == 0 && self.large == Some(number);
            let events = numbers.clone().map(|number| {
                let event = numbered(&format!("hot-{key}"), number);
                if !is_large(number) {
                    return event;
                }
                event.data(&json!({"number": number, "filler": "x".repeat(TOO_LARGE)}))
            });
            self.publisher.publish_all_in(&mut transaction, events).await.expect("the events are written");
        }
        let rare = numbered("rare", self.written / PART);
        self.publisher.publish_in(&mut transaction, rare).await.expect("the event is written");
        transaction.commit().await.expect("a commit");
        self.written = numbers.end;
    }

    async fn until(&self, what: &str, holds: impl Fn(&OutboxStats) -> bool) {
        let time = Duration::from_mins(3);
        wait::within(time, what, || async { holds(&self.outbox.stats().await.ok()?).then_some(()) }).await;
    }

    /// Waits until some of what is written is delivered, and most is not.
    async fn until_under_way(&self) {
        let all = (HOT * PART) as u64;
        self.until("a part of it", |stats| stats.pending < all - 500).await;
    }

    /// Waits until something waits in spite of its age, and nothing is delivered meanwhile. The relay may be done before the fault takes effect:
    /// then there is something more.
    async fn until_it_waits(&mut self, time: Duration) {
        let begin = Instant::now();
        let mut before = None;
        loop {
            let stats = self.outbox.stats().await.expect("the counts");
            let is_old = stats.oldest_pending_age.is_some_and(|age| time < age);
            if is_old && before == Some(stats.pending) {
                return;
            }
            if stats.pending == 0 {
                self.write().await;
            }
            before = Some(stats.pending);
            wait::assert_within(begin, Duration::from_mins(3), "events that wait");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn passes(self) {
        self.until("an empty outbox", |stats| stats.pending == 0).await;
        let events = HOT * self.written + self.written / PART;
        let records = self.reader.events(events).await;
        self.relay.stop().await;
        assert_eq!(self.outbox.stats().await.expect("the counts").dead, 0);
        let histories = histories(&records);
        for key in 0..HOT {
            let history = &histories[&format!("hot-{key}")];
            let gap = history.iter().zip(0..).find(|(number, place)| **number != *place);
            assert_eq!((history.len(), gap), (self.written, None), "key {key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_suspended_under_hot_keys_costs_neither_events_nor_order() {
    let test = "a_broker_suspended_under_hot_keys_costs_neither_events_nor_order";
    let Some(broker) = PrivateKafka::start(test).await else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let prefix = prefix();
    let mut trial = Trial::start(database, &broker.bootstrap, &prefix, config(&broker.bootstrap, &prefix));
    topics::make(&broker.bootstrap, &trial.topic, PARTITIONS, &[]).await;
    for pause in [1, 12] {
        trial.write().await;
        trial.until_under_way().await;
        broker.suspend();
        trial.until_it_waits(Duration::from_secs(pause)).await;
        broker.resume();
    }
    trial.passes().await;
}

/// The broker's own limit, which a topic has that sets none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_too_large_for_the_broker_holds_back_its_hot_key_alone() {
    let test = "an_event_too_large_for_the_broker_holds_back_its_hot_key_alone";
    let Some(broker) = PrivateKafka::start(test).await else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let prefix = prefix();
    topics::alter_broker(&broker.bootstrap, &[("message.max.bytes", "200000")]).await;
    let mut trial = Trial::start(database, &broker.bootstrap, &prefix, config(&broker.bootstrap, &prefix));
    topics::make(&broker.bootstrap, &trial.topic, PARTITIONS, &[]).await;
    trial.large = Some(LARGE);
    trial.write().await;
    let first = async || trial.outbox.pending(1).await.ok()?.first().map(|event| event.attempts);
    wait::until("refusals", || async { (2 <= first().await?).then_some(()) }).await;
    trial.until("the others", |stats| stats.pending == (PART - LARGE) as u64).await;
    topics::alter_broker(&broker.bootstrap, &[("message.max.bytes", "1000000")]).await;
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_withdrawn_under_hot_keys_and_given_back_costs_neither_events_nor_order() {
    let test = "a_right_that_is_withdrawn_under_hot_keys_and_given_back_costs_neither_events_nor_order";
    let kafka = tokio::task::spawn_blocking(|| SecuredKafka::shared(test)).await.expect("a broker");
    let (Some(kafka), Some(database)) = (kafka, TestDatabase::create(test).await) else { return };
    let prefix = prefix();
    let right = async |change: fn(&str, &str, Operation, &str)| {
        let (open, topics) = (kafka.open.clone(), format!("{prefix}."));
        let change = move || change(&open, LIMITED, Operation::Write, &topics);
        tokio::task::spawn_blocking(change).await.expect("an answer");
    };
    right(acls::allow).await;
    let limited = kafka.client(Listener::Sasl).topic_prefix(&prefix).sasl("PLAIN", LIMITED, &kafka.password);
    let limited = limited.build().expect("a configuration");
    let mut trial = Trial::start(database, &kafka.open, &prefix, limited);
    topics::make(&kafka.open, &trial.topic, PARTITIONS, &[]).await;
    for _ in 0..2 {
        trial.write().await;
        trial.until_under_way().await;
        right(acls::withdraw).await;
        trial.until_it_waits(Duration::from_secs(5)).await;
        right(acls::allow).await;
    }
    trial.passes().await;
}

/// A suspended leader does not know that it is none any more, and its client does not know whether it has the bundle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_that_change_under_hot_keys_cost_neither_events_nor_order() {
    let test = "leaders_that_change_under_hot_keys_cost_neither_events_nor_order";
    if servers::kafka(test).is_none() {
        return;
    }
    let Some(database) = TestDatabase::create(test).await else { return };
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await.expect("a cluster"));
    let (bootstrap, prefix) = (cluster.bootstrap(), prefix());
    let mut trial = Trial::start(database, &bootstrap, &prefix, config(&bootstrap, &prefix));
    for is_killed in [false, true] {
        trial.write().await;
        trial.until_under_way().await;
        let leader = topics::leader(&bootstrap, &trial.topic).await;
        if is_killed {
            cluster.node(leader).kill();
        } else {
            cluster.node(leader).pause();
        }
        // The other two go on without it. The relay may have been done with the others.
        trial.write().await;
        trial.until("an empty outbox", |stats| stats.pending == 0).await;
        wait::until("another leader", || async {
            (topics::leader(&bootstrap, &trial.topic).await != leader).then_some(())
        })
        .await;
        trial.write().await;
        trial.until_under_way().await;
        if is_killed {
            let again = cluster.clone();
            let _ = tokio::task::spawn_blocking(move || again.node(leader).up()).await.expect("a broker");
        } else {
            cluster.node(leader).resume();
        }
        topics::until_whole(&bootstrap, &trial.topic).await;
    }
    trial.passes().await;
}
