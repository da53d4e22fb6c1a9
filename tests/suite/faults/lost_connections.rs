//! Networks that cut, delay and lose, and a cluster that loses its leader.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use marty_events::{EventPublisher, OutboxRelay, OutboxRelayBuilder, OutboxRepository};
use marty_events_tests::{
    database::TestDatabase,
    faulty_network::{Condition, FaultyNetwork},
    kafka::{Reader, prefix},
    private_servers::{Cluster, Server},
    servers, topics, wait,
};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::support::{
    calling_service::{Caller, Fixture},
    events::{histories, numbered},
    service::{RunningRelay, config},
};

const KEYS: usize = 20;

/// Events that are written past all faults, a relay that is exposed to them, and the events' fate.
struct Trial {
    database: TestDatabase,
    outbox: OutboxRepository,
    publisher: EventPublisher,
    bootstrap: String,
    prefix: String,
    written: BTreeSet<Uuid>,
    rounds: usize,
}

impl Trial {
    async fn new(test: &str, bootstrap: &str) -> Option<Self> {
        Some(Self::with(TestDatabase::create(test).await?, bootstrap))
    }

    fn with(database: TestDatabase, bootstrap: &str) -> Self {
        let prefix = prefix();
        Self {
            outbox: OutboxRepository::new(&database.pool),
            publisher: EventPublisher::new(&config(bootstrap, &prefix)).expect("a publisher"),
            database,
            bootstrap: bootstrap.to_owned(),
            prefix,
            written: BTreeSet::new(),
            rounds: 0,
        }
    }

    fn relay(&self, pool: &PgPool) -> OutboxRelayBuilder {
        OutboxRelay::builder(pool)
            .config(config(&self.bootstrap, &self.prefix))
            .lease_time(wait::patient(Duration::from_secs(1)))
    }

    /// A transaction with an event of every key.
    async fn write(&mut self) {
        let events = (0..KEYS).map(|key| numbered(&format!("k-{key}"), self.rounds));
        let mut transaction = self.database.pool.begin().await.expect("a transaction");
        let ids = self.publisher.publish_all_in(&mut transaction, events).await.expect("they are written");
        transaction.commit().await.expect("the commit");
        self.written.extend(ids);
        self.rounds += 1;
    }

    async fn published(&self) -> u64 {
        self.outbox.stats().await.expect("the counts").published
    }

    async fn until_pending(&self, count: u64) {
        wait::until("an outbox that is emptied", || async {
            (self.outbox.stats().await.ok()?.pending == count).then_some(())
        })
        .await;
    }

    async fn until_published(&self, count: u64) {
        wait::until("progress", || async { (count <= self.published().await).then_some(()) }).await;
    }

    /// Everything arrives, in its order, no attempt is burnt, and nothing dies.
    async fn passes(self) {
        let refused = "SELECT count(*) FROM event_outbox WHERE attempts > 0";
        wait::within(2 * wait::DEADLINE, "an empty outbox", || async {
            let refused: i64 = sqlx::query_scalar(refused).fetch_one(&self.database.pool).await.expect("the rows");
            assert_eq!(refused, 0, "a fault is no refusal");
            (self.outbox.stats().await.ok()?.pending == 0).then_some(())
        })
        .await;
        assert_eq!(self.outbox.stats().await.expect("the counts").dead, 0);
        let records = Reader::start(&self.bootstrap, &self.prefix).events(self.written.len()).await;
        let delivered: BTreeSet<Uuid> =
            records.iter().map(|record| record.id().expect("an id").parse().expect("a UUID")).collect();
        assert_eq!(delivered, self.written, "nothing lost, nothing invented, every redelivery under its first id");
        for (key, history) in histories(&records) {
            assert_eq!(
                history,
                (0..self.rounds).map(|round| i64::try_from(round).expect("a number")).collect::<Vec<_>>(),
                "{key}"
            );
        }
    }
}

/// A pool behind a network.
fn pool_by(network: &FaultyNetwork, database: &TestDatabase) -> PgPool {
    PgPool::connect_lazy(&network.url(&database.url)).expect("a URL")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_cut_off_again_and_again_costs_nothing() {
    let test = "a_database_that_is_cut_off_again_and_again_costs_nothing";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(mut trial) = Trial::new(test, &brokers).await else { return };
    let network = FaultyNetwork::start().await;
    let relay = RunningRelay::start(trial.relay(&pool_by(&network, &trial.database)).batch_size(10));
    for _ in 0..10 {
        let before = trial.published().await;
        for _ in 0..3 {
            trial.write().await;
        }
        trial.until_published(before + 1).await;
        network.cut();
    }
    network.set(Condition::Slow(Duration::from_millis(50)));
    for _ in 0..3 {
        trial.write().await;
    }
    trial.passes().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_server_that_is_killed_and_started_again_costs_nothing() {
    let test = "a_database_server_that_is_killed_and_started_again_costs_nothing";
    let (Some(brokers), Some(_)) = (servers::kafka(test), servers::postgres(test)) else { return };
    let (server, admin) = tokio::task::spawn_blocking(Server::postgres).await.unwrap();
    let server = Arc::new(server);
    let mut trial = Trial::with(TestDatabase::create_on(admin).await, &brokers);
    let relay = RunningRelay::start(trial.relay(&trial.database.pool).batch_size(10));
    for _ in 0..3 {
        let before = trial.published().await;
        for _ in 0..5 {
            trial.write().await;
        }
        trial.until_published(before + 1).await;
        // The relay counts with its heartbeats, and may be done with the others.
        trial.write().await;
        let server = server.clone();
        let restarted = move || (server.kill(), server.up()).1;
        let _ = tokio::task::spawn_blocking(restarted).await.unwrap();
        // The pool still holds connections that are dead.
        wait::until("a connection", || async { trial.outbox.stats().await.ok() }).await;
    }
    trial.write().await;
    trial.passes().await;
    relay.stop().await;
}

/// A gate in the database: it counts the statements that it meets, and holds them until it is open.
struct Gate(PgPool);

impl Gate {
    /// Stands in the way of the statements of a trigger's `event`.
    async fn at(pool: &PgPool, event: &str) -> Self {
        let gate = format!(
            "CREATE TABLE gate (is_open boolean);
            CREATE SEQUENCE met;
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM nextval('met');
                WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP;
                RETURN new; END $$;
            CREATE TRIGGER wait {event} EXECUTE FUNCTION wait()"
        );
        sqlx::raw_sql(AssertSqlSafe(gate)).execute(pool).await.expect("a gate");
        Self(pool.clone())
    }

    async fn open(&self) {
        sqlx::query("INSERT INTO gate VALUES (true)").execute(&self.0).await.expect("it opens");
    }

    /// Something once it has met so many.
    async fn has_met(&self, count: i64) -> Option<i64> {
        let sql = "SELECT last_value FROM met WHERE is_called AND $1 <= last_value";
        sqlx::query_scalar(sql).bind(count).fetch_optional(&self.0).await.ok()?
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_whose_answer_is_lost_is_made_again_in_time() {
    let test = "a_settlement_whose_answer_is_lost_is_made_again_in_time";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(mut trial) = Trial::new(test, &brokers).await else { return };
    let network = FaultyNetwork::start().await;
    // Its heartbeats are rare, so nothing but the settlement finds out.
    let relay = trial.relay(&pool_by(&network, &trial.database)).listen(false).lease_time(Duration::from_mins(10));
    let relay = RunningRelay::start(relay.idle_poll(Duration::from_mins(3)));
    trial.write().await;
    trial.until_pending(0).await;

    // A settlement at work asks nothing more, and gives up waiting for a lock. This holds it up at the end of its work.
    let gate = Gate::at(&trial.database.pool, "AFTER DELETE ON event_outbox").await;
    trial.write().await;
    wait::until("a settlement on its way", || gate.has_met(1)).await;
    network.set(Condition::AnswersLost);
    let lost = Instant::now();
    gate.open().await;
    wait::until("a settlement", || async { (trial.outbox.stats().await.ok()?.pending < KEYS as u64).then_some(()) })
        .await;
    // The database has settled, and the relay does not know.
    network.set(Condition::Good);
    wait::until("the same settlement again", || gate.has_met(2)).await;
    wait::assert_within(lost, Duration::from_secs(20), "no answer is waited for longer than 10 s");
    trial.write().await;
    // A page that it was reading may take longer.
    trial.until_pending(0).await;
    relay.stop().await;
    assert_eq!(trial.published().await, trial.written.len() as u64, "each is counted once");
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_whose_answer_is_lost_is_counted_once() {
    let test = "a_refusal_whose_answer_is_lost_is_counted_once";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(trial) = Trial::new(test, &brokers).await else { return };
    let pool = &trial.database.pool;
    topics::create(&brokers, &format!("{}.suite.account.moved", trial.prefix), 2_000).await;
    let network = FaultyNetwork::start().await;
    let hour = Duration::from_hours(1);
    let relay = trial.relay(&pool_by(&network, &trial.database)).listen(false).lease_time(hour).idle_poll(hour);
    let relay = RunningRelay::start(relay.retry_delay(hour));
    wait::until("a relay with lanes", || async {
        (trial.outbox.relays().await.ok()?.first()?.lanes.len() == 16).then_some(())
    })
    .await;
    // This holds a refusal up at the end of its work.
    let gate = Gate::at(pool, "BEFORE UPDATE ON event_outbox FOR EACH ROW").await;
    let mut transaction = pool.begin().await.unwrap();
    let poison = marty_events::DomainEvent::new("account", "k", "moved").data(&"x".repeat(5_000));
    trial.publisher.publish_in(&mut transaction, poison).await.unwrap();
    transaction.commit().await.unwrap();
    wait::until("a refusal on its way", || gate.has_met(1)).await;
    network.set(Condition::AnswersLost);
    gate.open().await;
    let attempts = async || Some(trial.outbox.pending(1).await.ok()?.first()?.attempts);
    wait::until("a count that the relay does not know of", || async { (attempts().await == Some(1)).then_some(()) })
        .await;
    network.set(Condition::Good);
    // It gives the connection up, and counts again on another one. Its idle connections have lost answers too: each that the pool offers
    // first costs a try of 5 s and a pause.
    wait::within(Duration::from_mins(3), "the same on another connection", || gate.has_met(2)).await;
    relay.stop().await;
    assert_eq!(attempts().await, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_behind_a_network_that_cuts_delays_and_loses_costs_nothing() {
    let test = "a_broker_behind_a_network_that_cuts_delays_and_loses_costs_nothing";
    if servers::kafka(test).is_none() {
        return;
    }
    let network = FaultyNetwork::start().await;
    let address = network.address();
    let (_broker, server) = tokio::task::spawn_blocking(move || Server::kafka_behind(&address)).await.unwrap();
    network.lead_to(&server);
    let Some(mut trial) = Trial::new(test, &network.address()).await else { return };
    let relay = RunningRelay::start(trial.relay(&trial.database.pool).batch_size(10));
    for _ in 0..5 {
        let before = trial.published().await;
        for _ in 0..3 {
            trial.write().await;
        }
        trial.until_published(before + 1).await;
        network.cut();
    }
    network.set(Condition::Slow(Duration::from_millis(300)));
    let before = trial.published().await;
    trial.write().await;
    trial.until_published(before + 1).await;
    for lost in [Condition::AnswersLost, Condition::AllLost] {
        network.set(lost);
        trial.write().await;
        let age = Duration::from_secs(3);
        wait::until("events that wait", || async {
            (age < trial.outbox.stats().await.ok()?.oldest_pending_age?).then_some(())
        })
        .await;
        network.set(Condition::Good);
        // The network says that the connections are gone, as a host that came back would.
        network.cut();
        trial.write().await;
        wait::until("an empty outbox", || async { (trial.outbox.stats().await.ok()?.pending == 0).then_some(()) })
            .await;
    }
    trial.passes().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_leader_is_killed_loses_nothing() {
    let test = "a_cluster_whose_leader_is_killed_loses_nothing";
    if servers::kafka(test).is_none() {
        return;
    }
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await.unwrap());
    let Some(mut trial) = Trial::new(test, &cluster.bootstrap()).await else { return };
    let relay = RunningRelay::start(trial.relay(&trial.database.pool).batch_size(20));
    trial.write().await;
    trial.until_published(KEYS as u64).await;
    let topic = format!("{}.suite.account.moved", trial.prefix);
    for _ in 0..2 {
        let leader = topics::leader(&trial.bootstrap, &topic).await;
        let before = trial.published().await;
        for _ in 0..5 {
            trial.write().await;
        }
        trial.until_published(before + 1).await;
        // The relay counts with its heartbeats, and may be done with the others.
        trial.write().await;
        cluster.node(leader).kill();
        let before = trial.published().await;
        for _ in 0..5 {
            trial.write().await;
        }
        // The other two go on without it.
        trial.until_published(before + 5 * KEYS as u64).await;
        // Now they must not: a broker that has too few copies is as good as none.
        topics::alter(&trial.bootstrap, &topic, &[("min.insync.replicas", "3")]).await;
        // The controller knows; the leader acts by it a moment later, and may take some events until then.
        let begin = Instant::now();
        loop {
            let stats = trial.outbox.stats().await.expect("the counts");
            match stats.oldest_pending_age {
                None => trial.write().await,
                Some(age) if Duration::from_secs(3) < age => break,
                Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            wait::assert_within(begin, wait::DEADLINE, "events that wait");
        }
        let again = cluster.clone();
        let _ = tokio::task::spawn_blocking(move || again.node(leader).up()).await.unwrap();
        topics::until_whole(&trial.bootstrap, &topic).await;
        // As before.
        topics::alter(&trial.bootstrap, &topic, &[]).await;
    }
    trial.passes().await;
    relay.stop().await;
}

#[tokio::test]
async fn a_direct_event_with_nowhere_to_go_is_reported_in_time() {
    let Some(fixture) = Fixture::new("a_direct_event_with_nowhere_to_go_is_reported_in_time").await else { return };
    let network = FaultyNetwork::start().await;
    let database = network.url(&fixture.database.url);
    // The broker is away, and so is the database, which does not even say so.
    network.set(Condition::AllLost);
    let mut command = fixture.caller("export");
    command.env("DATABASE_URL", database).env("KAFKA_BROKERS", "127.0.0.1:1");
    command.env("KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS", "500");
    let caller = Caller::start(&mut command).await;
    assert_eq!(caller.answer.kind, "ok", "the work is done: {:?}", caller.answer);
    let end = caller.end().await;
    end.assert_counted("direct", "failed", 1);
    end.assert_error("the outbox could not keep a direct event either");
    end.assert_error("an event was not published");
    assert_eq!((fixture.delivered().await, fixture.kept().await.len()), (0, 0));
}
