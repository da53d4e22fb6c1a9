//! Everything at once on the side of the handlers: processes are killed, paused, stopped and balanced anew, connections and the broker are
//! killed, handlers fail and panic, the topic's retention passes, and records come again, also those that the topic has no more.
//!
//! `MARTY_EVENTS_CHAOS_SECONDS` makes it longer than its 60 s, and `MARTY_EVENTS_CHAOS_SEED` repeats its choices.

use std::{
    collections::BTreeMap,
    env,
    ops::Range,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use marty_events::GroupProtocol;
use marty_events_tests::{effects::EffectsDatabase, private_servers::Server, process::Watched, servers, wait};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use sqlx::{MySql, Postgres, Sqlite};
use tokio_util::sync::CancellationToken;

use crate::support::{handling::Topic, records::Records};

const KEYS: i64 = 50;
const PARTITIONS: i32 = 6;
const PROCESSES: usize = 3;
/// The time that everything may take to come to rest after the last fault.
const REST: Duration = Duration::from_mins(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    KillProcess,
    PauseProcess,
    StopProcess,
    DisturbDatabase,
    PassRetention,
    KillBroker,
}

/// Each of them comes once, in an order of chance; the others are drawn from [`FAULTS`].
const ALL: [Fault; 6] = [
    Fault::KillProcess,
    Fault::PauseProcess,
    Fault::StopProcess,
    Fault::DisturbDatabase,
    Fault::PassRetention,
    Fault::KillBroker,
];

const FAULTS: [Fault; 10] = [
    Fault::KillProcess,
    Fault::PauseProcess,
    Fault::StopProcess,
    Fault::DisturbDatabase,
    Fault::KillProcess,
    Fault::StopProcess,
    Fault::DisturbDatabase,
    Fault::StopProcess,
    Fault::PassRetention,
    Fault::KillBroker,
];

/// The load of a database.
struct Load {
    /// The pauses between two events of a key, in milliseconds.
    pauses: Range<u64>,
    /// The time of a handler.
    takes_millis: &'static str,
}

/// Writes the numbers of all keys in their order until it is stopped, and beside each of them one event that came before. Answers the count
/// of a key's numbers.
async fn publish(records: Arc<Records>, seed: u64, pauses: Range<u64>, stop: CancellationToken) -> i64 {
    let name = |key: i64| format!("k-{key}");
    let mut chance = StdRng::seed_from_u64(seed);
    let mut number = 0;
    while !stop.is_cancelled() {
        let again = (chance.random_range(0..KEYS), chance.random_range(0..=number));
        let all = (0..KEYS).map(|key| (key, number)).chain([again]);
        let records = &records;
        join_all(all.map(|(key, number)| async move { records.write(&name(key), number).await })).await;
        number += 1;
        tokio::time::sleep(Duration::from_millis(chance.random_range(pauses.clone()))).await;
    }
    number
}

/// The things that faults meet.
struct Site<'a, DB: EffectsDatabase> {
    topic: &'a Topic<DB>,
    broker: Arc<Server>,
    records: Arc<Records>,
    start: &'a dyn Fn(usize) -> Watched,
    processes: Vec<Watched>,
    /// The records that the topic has forgotten.
    forgotten: i64,
}

impl<DB: EffectsDatabase> Site<'_, DB> {
    async fn inject(&mut self, fault: Fault, chance: &mut StdRng) {
        let place = chance.random_range(0..self.processes.len());
        match fault {
            // Dropping it is `kill -9`.
            Fault::KillProcess => self.processes[place] = (self.start)(place),
            Fault::PauseProcess => {
                self.processes[place].pause();
                // Past its session of 6 s.
                tokio::time::sleep(Duration::from_millis(chance.random_range(7_000..10_000))).await;
                self.processes[place].resume();
            }
            Fault::StopProcess => {
                self.processes[place].terminate();
                tokio::time::sleep(Duration::from_millis(chance.random_range(0..3_000))).await;
                self.processes[place] = (self.start)(place);
            }
            Fault::DisturbDatabase => {
                let time = Duration::from_millis(chance.random_range(500..7_000));
                DB::disturb(&self.topic.database.pool, time).await;
            }
            Fault::PassRetention => {
                // A broker that has just started may not answer.
                let passed = self.records.pass_retention(&self.topic.brokers, &self.topic.group()).await;
                self.forgotten = passed.unwrap_or_default().max(self.forgotten);
            }
            Fault::KillBroker => {
                self.broker.kill();
                let broker = self.broker.clone();
                let _ = tokio::task::spawn_blocking(move || broker.up()).await.expect("it starts again");
            }
        }
    }
}

async fn chaos<DB: EffectsDatabase>(test: &str, protocol: GroupProtocol, load: Load) {
    if servers::kafka(test).is_none() {
        return;
    }
    let Some(database) = DB::create(test).await else { return };
    let setting = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let time = Duration::from_secs(setting("MARTY_EVENTS_CHAOS_SECONDS").unwrap_or(60));
    let seed = setting("MARTY_EVENTS_CHAOS_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let (broker, bootstrap) = tokio::task::spawn_blocking(Server::kafka_with_short_sessions).await.expect("a broker");
    let topic = Topic::<DB>::on(database, &bootstrap, PARTITIONS, &[]).await;
    let start = |place: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handling_service"));
        command
            .env("KAFKA_BROKERS", &bootstrap)
            .env("DATABASE_URL", &topic.database.url)
            .env("SERVICE_NAME", "suite")
            .env("EVENT_TOPIC_PREFIX", &topic.prefix)
            .env("GROUP", topic.group())
            .env("NAME", format!("process-{place}"))
            .env("TAKES_MILLIS", load.takes_millis)
            .env("FAILS_PER_MILLE", "10")
            .stderr(Stdio::null());
        match protocol {
            GroupProtocol::Consumer => command.env("PROTOCOL", "consumer"),
            _ => command.env("SESSION_MILLIS", "6000"),
        };
        Watched::start(&mut command)
    };
    let records = Arc::new(Records::new(&bootstrap, &topic.prefix));
    let processes = (0..PROCESSES).map(start).collect();
    let broker = Arc::new(broker);
    let mut site = Site { topic: &topic, broker, records: records.clone(), start: &start, processes, forgotten: 0 };
    let stop = CancellationToken::new();
    let publisher = tokio::spawn(publish(records, seed, load.pauses, stop.clone()));
    let (mut first, mut faults) = (ALL.to_vec(), BTreeMap::new());
    first.shuffle(&mut chance);
    let begin = Instant::now();
    while begin.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(chance.random_range(500..3_000))).await;
        let fault = first.pop().unwrap_or_else(|| FAULTS[chance.random_range(0..FAULTS.len())]);
        *faults.entry(fault).or_insert(0) += 1;
        site.inject(fault, &mut chance).await;
    }
    // The group may have had no offsets yet, or the broker no answer.
    let late = Instant::now();
    while site.forgotten == 0 {
        wait::assert_within(late, REST, format!("seed {seed}: records that the topic has forgotten"));
        site.inject(Fault::PassRetention, &mut chance).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.cancel();
    let numbers = publisher.await.expect("the publisher");
    let expected = KEYS * numbers;
    let rest = Instant::now();
    loop {
        let effects = topic.database.number("SELECT count(*) FROM effects").await.unwrap_or_default();
        if expected <= effects {
            break;
        }
        let (waiting, dead) = (topic.parked("waiting").await, topic.parked("dead").await);
        let report = format!("seed {seed}: {effects} of {expected} effects, {waiting} parked, {dead} dead");
        wait::assert_within(rest, REST, report);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let at_rest = rest.elapsed();
    // An effect that comes twice comes now.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let forgotten = site.forgotten;
    drop(site);
    let effects = topic.effects().await;
    assert_eq!(effects.len(), usize::try_from(KEYS).expect("a few"), "seed {seed}");
    let order: Vec<i64> = (0..numbers).collect();
    for (key, history) in effects {
        assert_eq!(history, order, "seed {seed}: the effects of {key}");
    }
    assert_eq!((topic.parked("waiting").await, topic.parked("dead").await), (0, 0), "seed {seed}");
    println!(
        "seed {seed}, {}, {protocol:?}, {time:?}: {expected} events and {numbers} that came again, 0 lost, 0 effects twice, 0 out of order; \
         the topic forgot {forgotten}; at rest after {at_rest:?}; {} faults: {faults:?}",
        DB::NAME,
        faults.values().sum::<i32>()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_each_event_has_its_effect_once_in_the_order_of_its_key() {
    let test = "whatever_fails_each_event_has_its_effect_once_in_the_order_of_its_key";
    chaos::<Postgres>(test, GroupProtocol::Classic, Load { pauses: 50..250, takes_millis: "3" }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_each_event_has_its_effect_once_in_a_group_that_the_broker_balances() {
    let test = "whatever_fails_each_event_has_its_effect_once_in_a_group_that_the_broker_balances";
    chaos::<Postgres>(test, GroupProtocol::Consumer, Load { pauses: 50..400, takes_millis: "3" }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_each_event_has_its_effect_once_in_mariadb() {
    let test = "whatever_fails_each_event_has_its_effect_once_in_mariadb";
    chaos::<MySql>(test, GroupProtocol::Classic, Load { pauses: 50..400, takes_millis: "3" }).await;
}

/// One transaction writes at a time, so that a process that is paused in one keeps all others waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_each_event_has_its_effect_once_in_sqlite() {
    let test = "whatever_fails_each_event_has_its_effect_once_in_sqlite";
    chaos::<Sqlite>(test, GroupProtocol::Classic, Load { pauses: 400..1_500, takes_millis: "1" }).await;
}
