//! Everything at once: writers, rollbacks, and every part that can be killed is killed.
//!
//! `MARTY_EVENTS_CHAOS_SECONDS` makes it longer than its 60 s, and `MARTY_EVENTS_CHAOS_SEED` repeats its choices.

mod ledger;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    env,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use marty_events::{DomainEvent, EventOrdering, EventPublisher, OutboxRepository};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, Record, prefix},
    mariadb::MariaDatabase,
    private_servers::Server,
    process::{Watched, command_line},
    servers, wait,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::service::config;
use ledger::Ledger;

const WRITERS: u64 = 6;
const KEYS: u32 = 25;
/// The time that everything may take to come to rest after the last fault.
const REST: Duration = Duration::from_mins(2);

type Step = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// One transaction with one to three events, which is committed, rolled back or cut off.
async fn transaction<L: Ledger>(ledger: &L, publisher: &EventPublisher, chance: &mut StdRng) -> Step {
    let mut tx = ledger.begin().await?;
    for _ in 0..chance.random_range(1..=3) {
        let number = chance.random_range(0..KEYS);
        // Half of the aggregates are locked by their writers; the other half asks for the order of the commits.
        let (key, ordering) = match number % 2 {
            0 => (format!("locked-{number}"), EventOrdering::Key),
            _ => (format!("free-{number}"), EventOrdering::Commit),
        };
        if ordering == EventOrdering::Key {
            L::lock(&mut tx, &key).await?;
        }
        let event = DomainEvent::new("account", &key, "moved").ordering(ordering);
        let id = publisher.publish_in(&mut tx, event).await?;
        // After the event: under its lock, where it has one.
        L::note(&mut tx, &key, id).await?;
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..5))).await;
    }
    if chance.random_bool(0.2) {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok(())
}

/// The relays, each a process that can be killed.
struct Relays<'a> {
    start: &'a dyn Fn() -> Watched,
    running: Vec<Watched>,
}

impl Relays<'_> {
    fn replace(&mut self, place: usize) {
        self.running[place] = (self.start)();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    KillRelay,
    PauseRelay,
    StopRelay,
    CutConnections,
    KillBroker,
}

/// Each of them comes once, in an order of chance; the others are drawn from [`FAULTS`].
const ALL: [Fault; 5] =
    [Fault::KillRelay, Fault::PauseRelay, Fault::StopRelay, Fault::CutConnections, Fault::KillBroker];

const FAULTS: [Fault; 8] = [
    Fault::KillRelay,
    Fault::PauseRelay,
    Fault::StopRelay,
    Fault::CutConnections,
    Fault::KillRelay,
    Fault::PauseRelay,
    Fault::CutConnections,
    Fault::KillBroker,
];

async fn inject(
    fault: Fault,
    relays: &mut Relays<'_>,
    broker: &Arc<Server>,
    ledger: &impl Ledger,
    chance: &mut StdRng,
) {
    let place = chance.random_range(0..relays.running.len());
    match fault {
        // Dropping it is `kill -9`.
        Fault::KillRelay => relays.replace(place),
        Fault::PauseRelay => {
            relays.running[place].pause();
            // Past its lease of a second.
            tokio::time::sleep(Duration::from_millis(chance.random_range(1_500..2_500))).await;
            relays.running[place].resume();
        }
        Fault::StopRelay => {
            relays.running[place].terminate();
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..500))).await;
            relays.replace(place);
        }
        Fault::CutConnections => ledger.cut().await,
        Fault::KillBroker => {
            broker.kill();
            let broker = broker.clone();
            let _ = tokio::task::spawn_blocking(move || broker.up()).await.expect("it starts again");
        }
    }
}

/// Nothing lost, nothing invented, and the first deliveries of each key in its order.
fn compare(history: &[(String, Uuid)], records: &[&Record], seed: u64) {
    let committed: BTreeSet<String> = history.iter().map(|(_, id)| id.to_string()).collect();
    let delivered: BTreeSet<String> = records.iter().filter_map(|record| record.id().map(str::to_owned)).collect();
    let lost: Vec<_> = committed.difference(&delivered).collect();
    let invented: Vec<_> = delivered.difference(&committed).collect();
    assert!(lost.is_empty() && invented.is_empty(), "seed {seed}: lost {lost:?}, invented {invented:?}");

    let mut expected: HashMap<&str, Vec<String>> = HashMap::new();
    for (key, id) in history {
        expected.entry(key).or_default().push(id.to_string());
    }
    let mut first = HashSet::new();
    let mut orders: HashMap<&str, Vec<String>> = HashMap::new();
    for record in records {
        let (key, id) = (record.key.as_deref().expect("a key"), record.id().expect("an id"));
        if first.insert(id) {
            orders.entry(key).or_default().push(id.to_owned());
        }
    }
    for (key, order) in expected {
        assert_eq!(orders[key], order, "seed {seed}: the order of {key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_the_deliveries_are_the_commits_in_their_order() {
    let test = "whatever_is_killed_the_deliveries_are_the_commits_in_their_order";
    if servers::kafka(test).is_none() {
        return;
    }
    let Some(database) = TestDatabase::create(test).await else { return };
    run(database.pool, &database.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_mariadbs_deliveries_are_the_commits_in_their_order() {
    let test = "whatever_is_killed_mariadbs_deliveries_are_the_commits_in_their_order";
    if servers::kafka(test).is_none() {
        return;
    }
    let Some(database) = MariaDatabase::create(test).await else { return };
    run(database.pool, &database.url).await;
}

async fn run<L: Ledger>(ledger: L, database: &str) {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let time = Duration::from_secs(number("MARTY_EVENTS_CHAOS_SECONDS").unwrap_or(60));
    let seed = number("MARTY_EVENTS_CHAOS_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    ledger.open(KEYS).await;
    let (broker, bootstrap) = tokio::task::spawn_blocking(Server::kafka).await.expect("a broker");
    let (broker, prefix) = (Arc::new(broker), prefix());
    let publisher = EventPublisher::new(&config(&bootstrap, &prefix)).expect("a publisher");
    let program = command_line();
    let start = || {
        Watched::start(
            Command::new(&program)
                .args(["relay", "--lease-time", "1s", "--batch-size", "50"])
                .env("DATABASE_URL", database)
                .env("SERVICE_NAME", "suite")
                .env("KAFKA_BROKERS", &bootstrap)
                .env("EVENT_TOPIC_PREFIX", &prefix)
                .stderr(std::process::Stdio::null()),
        )
    };
    let mut relays = Relays { start: &start, running: vec![start(), start()] };

    let stop = CancellationToken::new();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (ledger, publisher, stop) = (ledger.clone(), publisher.clone(), stop.clone());
            let mut chance = StdRng::seed_from_u64(seed.wrapping_add(writer));
            tokio::spawn(async move {
                let mut failed = 0_u32;
                while !stop.is_cancelled() {
                    // A deadlock, a conflict or a connection that was cut: the caller rolled back, or does not know.
                    failed += u32::from(transaction(&ledger, &publisher, &mut chance).await.is_err());
                }
                failed
            })
        })
        .collect();
    let (mut first, mut faults) = (ALL.to_vec(), BTreeMap::new());
    first.shuffle(&mut chance);
    let begin = Instant::now();
    while begin.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(chance.random_range(200..1_500))).await;
        let fault = first.pop().unwrap_or_else(|| FAULTS[chance.random_range(0..FAULTS.len())]);
        *faults.entry(fault).or_insert(0) += 1;
        inject(fault, &mut relays, &broker, &ledger, &mut chance).await;
    }
    stop.cancel();
    let mut failed = 0;
    for writer in writers {
        failed += writer.await.expect("a writer");
    }

    let outbox = OutboxRepository::new(ledger.clone());
    let rest = Instant::now();
    while outbox.stats().await.expect("the counts").pending > 0 {
        let left = outbox.stats().await;
        wait::assert_within(rest, REST, format!("seed {seed}: an empty outbox, {left:?}"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(outbox.dead_letters(1).await.expect("dead letters"), [], "seed {seed}");

    let history = ledger.history().await;
    let committed: BTreeSet<&str> = history.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        committed.len(),
        usize::try_from(KEYS).expect("a few"),
        "seed {seed}: keys of both orderings: {committed:?}"
    );
    let reader = Reader::start(&bootstrap, &prefix);
    let records = reader.events(history.len()).await;
    drop(relays);
    let mut places = HashSet::new();
    let records: Vec<_> = records.iter().filter(|record| places.insert((record.topic.clone(), record.place))).collect();

    compare(&history, &records, seed);
    println!(
        "seed {seed}, {time:?}: {} committed, {} delivered, 0 lost, 0 invented, {} redeliveries; \
        {failed} transactions failed; {} faults: {faults:?}",
        history.len(),
        records.len(),
        records.len() - history.len(),
        faults.values().sum::<usize>()
    );
}
