//! A partition without a leader, beside others that have one.

use std::{sync::Arc, time::Duration};

use marty_events_tests::{database::TestDatabase, kafka, private_servers::Cluster, servers, topics, wait};

use crate::{
    figures::{Arrived, SOON, say},
    fixture::{Fixture, HEALTHY, Kind, PARTITIONS, event, large, topic},
    relays::Relay,
};

/// The node that is killed has the last partition of this topic, and nothing else that has no copy.
const SPREAD: &str = "spread";
const KILLED: i32 = 3;

struct Trial {
    fixture: Fixture,
    relay: Relay,
    /// Keys of the partition that will have no leader, and of the others.
    lost: Vec<String>,
    kept: Vec<String>,
}

impl Trial {
    async fn start(database: TestDatabase, brokers: &str) -> Self {
        let prefix = kafka::prefix();
        let (healthy, spread) = (topic(&prefix, HEALTHY), topic(&prefix, SPREAD));
        topics::place(brokers, &healthy, &[1, 2, 1]).await;
        topics::place(brokers, &spread, &[1, 2, KILLED]).await;
        let read = [(healthy, PARTITIONS), (spread, PARTITIONS)];
        let fixture = Fixture::of(Kind::Postgres, database.pool.into(), database.url, brokers, prefix, &read);
        let relay = Relay::start(fixture.relay());
        let keys: Vec<String> = (0..600).map(|key| format!("k-{key}")).collect();
        fixture.deliveries.until_all(&fixture.write(keys.iter().map(|key| event(SPREAD, key, 0))).await).await;
        fixture.deliveries.until_all(&fixture.write_healthy(10).await).await;
        let partitions = fixture.deliveries.partitions();
        let (lost, kept): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| partitions[key] == PARTITIONS - 1);
        Self { fixture, relay, lost, kept }
    }

    /// One event waits for the partition, and another one is refused: it is tried alone, which must not need an idle client.
    async fn one_event_and_a_refusal(&self) -> Arrived {
        let narrow = self.fixture.topic("narrow");
        topics::place(&self.fixture.brokers, &narrow, &[1]).await;
        let settings = [("min.insync.replicas", "1"), ("max.message.bytes", "2000")];
        topics::alter(&self.fixture.brokers, &narrow, &settings).await;
        self.fixture.write([event(SPREAD, &self.lost[0], 1)]).await;
        self.fixture.write([large("narrow", "large", 5_000)]).await;
        // From its first refusal on it waits for a try of its own.
        wait::within(SOON, "a refusal", || async {
            let sql = "SELECT coalesce(max(attempts), 0)::bigint + (SELECT count(*) FROM event_outbox_dead_letters)
                FROM event_outbox";
            (0 < self.fixture.number(sql).await).then_some(())
        })
        .await;
        let mut healthy = Vec::new();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            healthy.extend(self.fixture.write_healthy(1).await);
        }
        self.fixture.deliveries.await_all(&healthy, SOON).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_without_a_leader_holds_up_no_other() {
    let test = "a_partition_without_a_leader_holds_up_no_other";
    if servers::kafka(test).is_none() {
        return;
    }
    let (Some(one), Some(other)) = (TestDatabase::create(test).await, TestDatabase::create(test).await) else { return };
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await.expect("a cluster"));
    let bootstrap = cluster.bootstrap();
    let (few, many) = tokio::join!(Trial::start(one, &bootstrap), Trial::start(other, &bootstrap));
    let server = cluster.clone();
    tokio::task::spawn_blocking(move || server.node(KILLED).kill()).await.expect("it is killed");

    let beside_a_refusal = few.one_event_and_a_refusal().await;
    let per_key = 6_000 / many.lost.len() + 1;
    let rounds = (1..=per_key).flat_map(|round| many.lost.iter().map(move |key| event(SPREAD, key, round)));
    let waiting = many.fixture.write(rounds).await;
    let kept = many.fixture.write(many.kept.iter().take(100).map(|key| event(SPREAD, key, 1))).await;
    let beside_many = many.fixture.deliveries.await_all(&kept, SOON).await;

    let server = cluster.clone();
    let _ = tokio::task::spawn_blocking(move || server.node(KILLED).up()).await.expect("it is there again");
    let all = many.fixture.deliveries.await_all(&waiting, Duration::from_mins(2)).await;
    let disordered = many.fixture.deliveries.disordered();
    say("partition", "one event without a leader, one refused: 10 events of other topics", beside_a_refusal);
    say(
        "partition",
        format_args!("{} events without a leader: 100 events of the other partitions", waiting.len()),
        format_args!("{beside_many}; when the broker is back {all}, {disordered} keys out of order"),
    );
    drop((few.relay, many.relay));
    beside_a_refusal.assert_all("events beside one without a leader and a refusal");
    beside_many.assert_all("events of partitions with a leader");
    all.assert_all("events of the partition that has a leader again");
    assert_eq!(disordered, 0);
}
