//! Many ordering keys with many events each, and refusals in the middle of them, by chance.

use std::{
    collections::{HashMap, HashSet},
    env,
    time::{Duration, Instant},
};

use marty_events::OutboxRepository;
use marty_events_tests::{logs::Lines, topics, wait};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use sqlx::PgPool;
use tracing::level_filters::LevelFilter;

use crate::support::{
    events::failed_bundles,
    service::{RunningRelay, Service},
};

/// The runs unless `MARTY_EVENTS_HOT_KEY_RUNS` says otherwise. A run is one key, with a bundle or more.
const RUNS: usize = 500;
/// Runs that are written together, so that keys share partitions and batches.
const TOGETHER: usize = 8;
/// One in so many runs has poison.
const POISONED: u32 = 3;
const TOPICS: [&str; 4] = ["narrow-1", "narrow-2", "strict-1", "strict-2"];
const PARTITIONS: i32 = 3;
/// The narrow topics take no batch of so many bytes as a poison event has; a bundle of others fits.
const NARROW: &str = "40000";
const POISON: usize = 45_000;
/// The strict topics refuse a batch with an older record: a slow moment is poison there.
const STRICT: &str = "25";
/// The time for all of it.
const LIMIT: Duration = Duration::from_mins(10);

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Rows to write: the topics, the keys and the values. A value begins with its run and its number there.
#[derive(Default)]
struct Rows {
    topics: Vec<String>,
    keys: Vec<String>,
    values: Vec<Vec<u8>>,
}

impl Rows {
    fn push(&mut self, topic: &str, run: usize, number: usize, size: usize) {
        self.topics.push(topic.to_owned());
        self.keys.push(format!("hot-{run}"));
        self.values.push(format!("{run} {number} {}", "x".repeat(size)).into_bytes());
    }

    async fn write(self, pool: &PgPool) {
        let sql = "
            INSERT INTO event_outbox (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload)
            SELECT gen_random_uuid(), 'x', topic, key, key, abs(hashtext(key)::bigint), '[]', payload
            FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS row (topic, key, payload, place)
            ORDER BY place";
        sqlx::query(sql).bind(self.topics).bind(self.keys).bind(self.values).execute(pool).await.expect("the rows");
    }
}

/// The events of a run, and those of them that its topic refuses.
struct Run {
    events: usize,
    poison: Vec<usize>,
}

/// Writes the runs, [`TOGETHER`] at a time and in any order beside each other.
async fn write(service: &Service, runs: usize, chance: &mut StdRng) -> Vec<Run> {
    let mut written = Vec::with_capacity(runs);
    while written.len() < runs {
        let first = written.len();
        for _ in first..runs.min(first + TOGETHER) {
            let events = chance.random_range(100..=120);
            let is_narrow = written.len() % TOPICS.len() < 2;
            let count = if is_narrow && chance.random_ratio(1, POISONED) { chance.random_range(1..=2) } else { 0 };
            let poison = (0..count).map(|_| chance.random_range(0..events)).collect();
            written.push(Run { events, poison });
        }
        let mut next = vec![0; written.len() - first];
        let mut rows = Rows::default();
        // Some at the same time, and others one behind the other.
        let is_mixed = chance.random_ratio(1, 2);
        while let Some(behind) = (0..next.len()).find(|place| next[*place] < written[first + place].events) {
            let drawn = if is_mixed { chance.random_range(0..next.len()) } else { behind };
            let (run, number) = (first + drawn, next[drawn]);
            if number < written[run].events {
                next[drawn] += 1;
                let topic = format!("{}.{}", service.prefix, TOPICS[run % TOPICS.len()]);
                let size = if written[run].poison.contains(&number) { POISON } else { 0 };
                rows.push(&topic, run, number, size);
            }
        }
        rows.write(&service.database.pool).await;
    }
    written
}

/// The run of an event, and its number there.
fn event(value: &[u8]) -> (usize, usize) {
    let text = String::from_utf8_lossy(value);
    let mut numbers = text.split(' ').map(|number| number.parse().expect("a number"));
    let mut next = || numbers.next().expect("two numbers");
    (next(), next())
}

/// The numbers of each run in the order of the log, each at its first place there.
fn read(brokers: &str, prefix: &str) -> HashMap<usize, Vec<usize>> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", prefix).create().expect("a consumer");
    let (mut all, mut left) = (TopicPartitionList::new(), 0);
    for (topic, partition) in TOPICS.iter().flat_map(|topic| (0..PARTITIONS).map(move |number| (topic, number))) {
        let topic = format!("{prefix}.{topic}");
        let time = wait::patient(Duration::from_secs(10));
        let (from, to) = consumer.fetch_watermarks(&topic, partition, time).expect("the offsets");
        left += to - from;
        all.add_partition_offset(&topic, partition, Offset::Beginning).expect("a partition");
    }
    consumer.assign(&all).expect("the partitions");
    let mut histories: HashMap<usize, Vec<usize>> = HashMap::new();
    let begin = Instant::now();
    while 0 < left {
        wait::assert_within(begin, LIMIT, "the records");
        // A poll may end without a record before its time.
        let Some(record) = consumer.poll(Duration::from_secs(1)) else { continue };
        let record = record.expect("a record");
        let (run, number) = event(record.payload().unwrap_or_default());
        let history = histories.entry(run).or_default();
        if !history.contains(&number) {
            history.push(number);
        }
        left -= 1;
    }
    histories
}

/// The runs with a poison event that failed in a bundle, in front of successors there. Each row has its number and key, and whether it is poison.
fn with_poison_in_a_bundle(rows: &[(i64, String, bool)], failed: &[(i64, i64)]) -> usize {
    let keys: HashMap<i64, &str> = rows.iter().map(|(seq, key, _)| (*seq, key.as_str())).collect();
    let mut of_key: HashMap<&str, Vec<(i64, i64)>> = HashMap::new();
    for (first, last) in failed {
        of_key.entry(keys[first]).or_default().push((*first, *last));
    }
    let is_bundled = |seq: i64, key: &str| {
        of_key.get(key).is_some_and(|bundles| bundles.iter().any(|(first, last)| (*first..*last).contains(&seq)))
    };
    let runs = rows.iter().filter(|(seq, key, is_poison)| *is_poison && is_bundled(*seq, key));
    runs.map(|(_, key, _)| key).collect::<HashSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_by_chance_leave_each_hot_key_in_its_order() {
    let Some(service) = Service::start("refusals_by_chance_leave_each_hot_key_in_its_order").await else { return };
    let runs = setting("MARTY_EVENTS_HOT_KEY_RUNS").and_then(|runs| runs.try_into().ok()).unwrap_or(RUNS);
    let seed = setting("MARTY_EVENTS_HOT_KEY_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}");
    let brokers = service.publisher.bootstrap_servers().to_owned();
    for topic in TOPICS {
        let name = format!("{}.{topic}", service.prefix);
        let is_narrow = topic.starts_with("narrow");
        let limit = if is_narrow { ("max.message.bytes", NARROW) } else { ("message.timestamp.before.max.ms", STRICT) };
        topics::make(&brokers, &name, PARTITIONS, &[limit]).await;
    }
    let written = write(&service, runs, &mut StdRng::seed_from_u64(seed)).await;
    let sql = "SELECT seq, record_key, $1 <= octet_length(payload) FROM event_outbox ORDER BY seq";
    let rows = sqlx::query_as(sql).bind(i32::try_from(POISON).expect("a size")).fetch_all(&service.database.pool).await;
    let rows: Vec<(i64, String, bool)> = rows.expect("the rows");
    let begin = Instant::now();
    let lines = Lines::default();
    let relay = service.relay().retry_delay(Duration::from_millis(5));
    let relay = RunningRelay::start_under(relay, lines.of(LevelFilter::DEBUG));
    let outbox = OutboxRepository::new(&service.database.pool);
    let pending = async || outbox.stats().await.map(|stats| stats.pending);
    wait::within(LIMIT, "an empty outbox", || async { (pending().await.ok()? == 0).then_some(()) }).await;
    let took = begin.elapsed();
    relay.stop().await;

    let sql = "SELECT substring(payload FOR 30) FROM event_outbox_dead_letters";
    let letters: Vec<Vec<u8>> = sqlx::query_scalar(sql).fetch_all(&service.database.pool).await.expect("the letters");
    let mut dead: HashMap<usize, Vec<usize>> = HashMap::new();
    for (run, number) in letters.iter().map(|value| event(value)) {
        dead.entry(run).or_default().push(number);
    }
    let prefix = service.prefix.clone();
    let histories = tokio::task::spawn_blocking(move || read(&brokers, &prefix)).await.expect("the records");
    let mut rejected = 0;
    for (run, Run { events, poison }) in written.iter().enumerate() {
        let dead = dead.remove(&run).unwrap_or_default();
        let expected: Vec<usize> = (0..*events).filter(|number| !dead.contains(number)).collect();
        let history = histories.get(&run).cloned().unwrap_or_default();
        assert_eq!(history, expected, "seed {seed}, run {run}, poison {poison:?}, dead {dead:?}");
        if run % TOPICS.len() < 2 {
            assert!(
                dead.iter().all(|number| poison.contains(number)),
                "seed {seed}, run {run}: {dead:?} not {poison:?}"
            );
            assert!(
                poison.iter().all(|number| dead.contains(number)),
                "seed {seed}, run {run}: {dead:?} not {poison:?}"
            );
        } else {
            rejected += dead.len();
        }
    }
    let poisoned = written.iter().filter(|run| !run.poison.is_empty()).count();
    let failed = failed_bundles(&lines.text(), &format!("{}.", service.prefix));
    let bundled = with_poison_in_a_bundle(&rows, &failed);
    println!(
        "seed {seed}: {runs} runs, {poisoned} of them with poison, {bundled} with poison in a bundle and behind it a successor, {} bundles \
         that failed, {rejected} events too old for their topic, in {took:.1?}",
        failed.len()
    );
    // Two keys of a topic share its bundles, so many a poison event goes alone.
    assert!(poisoned <= 4 * bundled, "seed {seed}: poison was in a bundle in {bundled} of {poisoned} runs");
}
