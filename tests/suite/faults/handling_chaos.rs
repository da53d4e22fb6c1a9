//! Everything at once on the side of the handlers: processes are killed, paused, stopped and balanced anew, connections and the broker are
//! killed, handlers fail and panic, and records come twice.
//!
//! `MARTY_EVENTS_CHAOS_SECONDS` makes it longer than its 60 s, and `MARTY_EVENTS_CHAOS_SEED` repeats its choices.

use std::{
    collections::BTreeMap,
    env,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use marty_events_tests::{
    database::TestDatabase,
    effects::{EVENT_TYPE, TOPIC},
    private_servers::Server,
    process::Watched,
    servers, wait,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::support::handling::Topic;

const KEYS: usize = 50;
const PARTITIONS: i32 = 6;
const PROCESSES: usize = 3;
/// The time that everything may take to come to rest after the last fault.
const REST: Duration = Duration::from_mins(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    KillProcess,
    PauseProcess,
    StopProcess,
    CutConnections,
    KillBroker,
}

const FAULTS: [Fault; 9] = [
    Fault::KillProcess,
    Fault::PauseProcess,
    Fault::StopProcess,
    Fault::CutConnections,
    Fault::KillProcess,
    Fault::StopProcess,
    Fault::CutConnections,
    Fault::StopProcess,
    Fault::KillBroker,
];

/// Writes the numbers of all keys in their order until it is stopped, one record in fifty twice. Answers the count of a key's numbers.
async fn publish(bootstrap: String, prefix: String, seed: u64, stop: CancellationToken) -> i64 {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &bootstrap)
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", "300000")
        .create()
        .expect("a producer");
    let (producer, topic) = (&producer, &format!("{prefix}.{TOPIC}"));
    let mut chance = StdRng::seed_from_u64(seed);
    let mut number = 0;
    while !stop.is_cancelled() {
        let twice = chance.random_range(0..KEYS);
        let all = (0..KEYS).flat_map(|key| vec![key; 1 + usize::from(key == twice)]).map(|key| async move {
            let (id, name) = (format!("{key}-{number}"), format!("k-{key}"));
            let value = serde_json::json!({ "payload": { "number": number } }).to_string();
            let headers = [("ce_specversion", "1.0"), ("ce_id", &id), ("ce_source", "chaos"), ("ce_type", EVENT_TYPE)];
            let headers = headers
                .into_iter()
                .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
            let record = FutureRecord::to(topic).key(&name).payload(&value).headers(headers);
            producer.send(record, Duration::from_mins(5)).await.expect("the record is written");
        });
        join_all(all).await;
        number += 1;
        tokio::time::sleep(Duration::from_millis(chance.random_range(50..400))).await;
    }
    number
}

struct Processes<'a> {
    start: &'a dyn Fn(usize) -> Watched,
    running: Vec<Watched>,
}

async fn inject(fault: Fault, processes: &mut Processes<'_>, broker: &Arc<Server>, pool: &PgPool, chance: &mut StdRng) {
    let place = chance.random_range(0..processes.running.len());
    match fault {
        // Dropping it is `kill -9`.
        Fault::KillProcess => processes.running[place] = (processes.start)(place),
        Fault::PauseProcess => {
            processes.running[place].signal("STOP");
            // Past its session of 6 s.
            tokio::time::sleep(Duration::from_millis(chance.random_range(7_000..10_000))).await;
            processes.running[place].signal("CONT");
        }
        Fault::StopProcess => {
            processes.running[place].terminate();
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..3_000))).await;
            processes.running[place] = (processes.start)(place);
        }
        Fault::CutConnections => {
            let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5";
            sqlx::query(sql).execute(pool).await.expect("the server answers");
        }
        Fault::KillBroker => {
            broker.kill();
            let broker = broker.clone();
            let _ = tokio::task::spawn_blocking(move || broker.up()).await.expect("it starts again");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_each_event_has_its_effect_once_in_the_order_of_its_key() {
    let test = "whatever_fails_each_event_has_its_effect_once_in_the_order_of_its_key";
    if servers::kafka(test).is_none() {
        return;
    }
    let Some(database) = TestDatabase::create(test).await else { return };
    let setting = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let time = Duration::from_secs(setting("MARTY_EVENTS_CHAOS_SECONDS").unwrap_or(60));
    let seed = setting("MARTY_EVENTS_CHAOS_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    // The session's time of these groups is the broker's, 45 s, unless it is set for each: they are for longer runs.
    let protocol = if seed % 2 == 0 && Duration::from_mins(5) < time { "consumer" } else { "classic" };
    let (broker, bootstrap) = tokio::task::spawn_blocking(Server::kafka).await.expect("a broker");
    let broker = Arc::new(broker);
    let topic = Topic::on(database, &bootstrap, PARTITIONS).await;
    let start = |place: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handling_service"));
        command
            .env("KAFKA_BROKERS", &bootstrap)
            .env("DATABASE_URL", &topic.database.url)
            .env("SERVICE_NAME", "suite")
            .env("EVENT_TOPIC_PREFIX", &topic.prefix)
            .env("GROUP", topic.group())
            .env("NAME", format!("process-{place}"))
            .env("PROTOCOL", protocol)
            .env("TAKES_MILLIS", "3")
            .env("FAILS_PER_MILLE", "10")
            .stderr(Stdio::null());
        if protocol == "classic" {
            command.env("SESSION_MILLIS", "6000");
        }
        Watched::start(&mut command)
    };
    let mut processes = Processes { start: &start, running: (0..PROCESSES).map(start).collect() };
    let stop = CancellationToken::new();
    let publisher = tokio::spawn(publish(bootstrap.clone(), topic.prefix.clone(), seed, stop.clone()));
    let mut faults = BTreeMap::new();
    let begin = Instant::now();
    while begin.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(chance.random_range(500..3_000))).await;
        let fault = FAULTS[chance.random_range(0..FAULTS.len())];
        *faults.entry(fault).or_insert(0) += 1;
        inject(fault, &mut processes, &broker, &topic.database.pool, &mut chance).await;
    }
    stop.cancel();
    let numbers = publisher.await.expect("the publisher");
    let expected = i64::try_from(KEYS).expect("a few") * numbers;
    let rest = Instant::now();
    loop {
        let effects: i64 =
            sqlx::query_scalar("SELECT count(*) FROM effects").fetch_one(&topic.database.pool).await.expect("a count");
        if expected <= effects {
            break;
        }
        let (waiting, dead) = (topic.parked("waiting").await, topic.parked("dead").await);
        let report = format!("seed {seed}: {effects} of {expected} effects, {waiting} parked, {dead} dead");
        wait::assert_within(rest, REST, report);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // An effect that comes twice comes now.
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(processes);
    let effects = topic.effects().await;
    assert_eq!(effects.len(), KEYS, "seed {seed}");
    let order: Vec<i64> = (0..numbers).collect();
    for (key, history) in effects {
        assert_eq!(history, order, "seed {seed}: the effects of {key}");
    }
    assert_eq!((topic.parked("waiting").await, topic.parked("dead").await), (0, 0), "seed {seed}");
    println!(
        "seed {seed}, {protocol}, {time:?}: {expected} events, 0 lost, 0 effects twice, 0 out of order; at rest after {:?}; {} faults: {faults:?}",
        rest.elapsed(),
        faults.values().sum::<i32>()
    );
}
