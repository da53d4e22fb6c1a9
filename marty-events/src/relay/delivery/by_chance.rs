//! Hot keys by chance: window, Kafka client and librdkafka's mock brokers, without an outbox.
//!
//! A run is one ordering key with a bundle or more. Some runs go together, on topics with several partitions, so that keys share both. While
//! they are delivered, the brokers refuse batches of all kinds, cut connections, go away and give partitions to each other. In every
//! case the log of a key has its events in their order, each at its first place there, and none is missing but dead letters.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    env,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr as Code},
};

use super::{super::chance::Chance, *};
use crate::{
    observe::Dependency,
    outbox::{HeaderText, QueuedRow},
    relay::window::Source,
};

/// The runs unless `MARTY_EVENTS_HOT_KEY_RUNS` says otherwise.
const RUNS: usize = 160;
/// Runs that go together.
const TOGETHER: usize = 8;
/// Runs for the same brokers: these keep 5 MiB of a partition.
const OF_BROKERS: usize = 160;
const BROKERS: i32 = 3;
const TOPICS: [&str; 4] = ["a", "b", "c", "d"];
const PARTITIONS: i32 = 3;
/// The longest time for runs that go together.
const LIMIT: Duration = Duration::from_mins(1);

/// Answers that end a batch: a record is too large, too old or malformed, or the topic takes nothing.
const REFUSALS: [Code; 5] = [
    Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
    Code::RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
    Code::RD_KAFKA_RESP_ERR_INVALID_RECORD,
    Code::RD_KAFKA_RESP_ERR_INVALID_MSG,
    Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
];
/// Answers after which the client sends a batch again: a leader has changed, a topic is being made anew, a connection is cut.
const TROUBLES: [Code; 4] = [
    Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
    Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    Code::RD_KAFKA_RESP_ERR__TRANSPORT,
];

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Brokers of their own, with a reader of all that they have.
struct Brokers {
    /// Goes first: a reader whose brokers are gone takes half a minute to end.
    reader: BaseConsumer,
    cluster: MockCluster<'static, DefaultProducerContext>,
    /// When brokers that are away come back.
    back_at: Option<Instant>,
}

impl Brokers {
    fn start() -> Self {
        let cluster = MockCluster::new(BROKERS).expect("a cluster");
        let mut partitions = TopicPartitionList::new();
        for topic in TOPICS {
            cluster.create_topic(topic, PARTITIONS, BROKERS).expect("a topic");
            for partition in 0..PARTITIONS {
                partitions.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
            }
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "reader");
        config.set("fetch.wait.max.ms", "5").set("fetch.error.backoff.ms", "1");
        let reader: BaseConsumer = hurried(&mut config).create().expect("a consumer");
        reader.assign(&partitions).expect("they are assigned");
        Self { reader, cluster, back_at: None }
    }

    fn config(&self) -> EventConfig {
        let mut config = EventConfig::builder().service_name("test").brokers(self.cluster.bootstrap_servers());
        for (name, value) in HURRY {
            config = config.producer_property(name, value);
        }
        config.build().expect("a configuration")
    }

    fn fail(&mut self, chance: &mut Chance) {
        match chance.below(10) {
            0..=4 => {
                let refusal = chance.of(&REFUSALS);
                let times = 1 + usize::try_from(chance.below(3)).unwrap();
                self.cluster.request_errors(RDKafkaApiKey::Produce, &vec![refusal; times]);
            }
            5..=7 => self.cluster.request_errors(RDKafkaApiKey::Produce, &[chance.of(&TROUBLES)]),
            8 => {
                let partition = i32::try_from(chance.below(3)).unwrap() % PARTITIONS;
                let leader = 1 + i32::try_from(chance.below(3)).unwrap();
                let moved = self.cluster.partition_leader(chance.of(&TOPICS), partition, Some(leader));
                moved.expect("another leader");
            }
            _ => {
                let broker = 1 + i32::try_from(chance.below(3)).unwrap();
                self.cluster.broker_down(broker).expect("a broker that is down");
                self.back_at.get_or_insert_with(|| Instant::now() + Duration::from_millis(20));
            }
        }
    }

    /// Brings brokers back whose time has come, or all of them.
    fn recover(&mut self, all: bool) {
        if self.back_at.is_some_and(|at| all || at <= Instant::now()) {
            for broker in 1..=BROKERS {
                self.cluster.broker_up(broker).expect("a broker that is up");
            }
            self.back_at = None;
        }
    }

    /// The numbers of each key in the order of the log, each at its first place there, until these are all there.
    fn read(&self, mut expected: BTreeSet<i64>) -> HashMap<String, Vec<i64>> {
        let (begin, mut seen) = (Instant::now(), BTreeSet::new());
        let mut histories: HashMap<String, Vec<i64>> = HashMap::new();
        while !expected.is_empty() {
            assert!(begin.elapsed() < LIMIT, "{} events are missing, as {:?}", expected.len(), expected.first());
            let Some(Ok(record)) = self.reader.poll(Duration::from_millis(100)) else { continue };
            let key = record.key_view::<str>().expect("a key").expect("a text").to_owned();
            let value = record.payload_view::<str>().expect("a value").expect("a text");
            let seq: i64 = value.parse().expect("a number");
            expected.remove(&seq);
            if seen.insert(seq) {
                histories.entry(key).or_default().push(seq);
            }
        }
        histories
    }
}

/// The client's pauses are those of real networks.
const HURRY: [(&str, &str); 4] = [
    ("retry.backoff.ms", "1"),
    ("reconnect.backoff.ms", "1"),
    ("reconnect.backoff.max.ms", "5"),
    ("topic.metadata.refresh.fast.interval.ms", "5"),
];

fn hurried(config: &mut ClientConfig) -> &ClientConfig {
    for (name, value) in HURRY {
        config.set(name, value);
    }
    config
}

/// Some runs that go together, and what has become of them.
struct Trial<'a> {
    chance: &'a mut Chance,
    brokers: &'a mut Brokers,
    delivery: Delivery,
    broker: Circuit,
    /// The key and the topic of each row.
    outbox: BTreeMap<i64, (String, &'static str)>,
    /// The rows of each key that are in the outbox.
    keys: BTreeMap<String, BTreeSet<i64>>,
    dead: BTreeSet<i64>,
    /// Bundles that failed.
    failed: usize,
}

impl<'a> Trial<'a> {
    fn new(chance: &'a mut Chance, brokers: &'a mut Brokers, seqs: &mut std::ops::RangeFrom<i64>) -> Self {
        let config = brokers.config();
        let health = HealthCell::new(Duration::from_mins(1), None);
        let settings = Settings { retry_delay: Duration::from_millis(1), ..Settings::default() };
        let producer = RelayProducer::new(&config).expect("a producer");
        let delivery = Delivery::new(&settings, &config, &"outbox".into(), &health, producer);
        let broker = Circuit::new(Dependency::Broker, &health);
        let (mut outbox, mut keys) = (BTreeMap::new(), BTreeMap::<String, BTreeSet<i64>>::new());
        let mut left: Vec<u64> = (0..TOGETHER).map(|_| 200 + chance.below(50)).collect();
        let first = seqs.start;
        let is_mixed = chance.one_in(2);
        while let Some(behind) = left.iter().position(|left| 0 < *left) {
            let run = if is_mixed { usize::try_from(chance.below(TOGETHER as u64)).unwrap() } else { behind };
            if left[run] == 0 {
                continue;
            }
            left[run] -= 1;
            let (seq, key) = (seqs.next().expect("a number"), format!("{first}-{run}"));
            keys.entry(key.clone()).or_default().insert(seq);
            outbox.insert(seq, (key, TOPICS[run % TOPICS.len()]));
        }
        Self { chance, brokers, delivery, broker, outbox, keys, dead: BTreeSet::new(), failed: 0 }
    }

    /// Delivers everything, with faults after so many rows as chance says.
    async fn run(&mut self) {
        let total = self.outbox.len();
        for (seq, (key, topic)) in &self.outbox {
            self.delivery.window.admit(row(*seq, key, topic), Source::Position);
        }
        let mut faults: Vec<usize> = Vec::new();
        for _ in 0..self.chance.below(3) {
            faults.push(usize::try_from(self.chance.below(total as u64)).unwrap());
        }
        // The first requests have the most bundles among them.
        faults.push(0);
        let begin = Instant::now();
        while !self.outbox.is_empty() {
            assert!(
                begin.elapsed() < LIMIT,
                "{} rows are not delivered: {:?}",
                self.outbox.len(),
                self.delivery.window
            );
            let done = total - self.outbox.len();
            for _ in faults.extract_if(.., |after| *after <= done) {
                self.brokers.fail(self.chance);
            }
            self.brokers.recover(false);
            self.step();
            let pause =
                self.delivery.due(false).map_or(Duration::from_millis(5), |at| at.duration_since(Instant::now()));
            let told = tokio::time::timeout(pause.min(Duration::from_millis(5)), self.delivery.event()).await;
            if let Ok(event) = told {
                self.hear(event);
            }
        }
        self.brokers.cluster.clear_request_errors(RDKafkaApiKey::Produce);
        self.brokers.recover(true);
    }

    /// A step of the relay's loop, with an outbox that answers at once.
    fn step(&mut self) {
        self.hear(None);
        assert!(self.delivery.replace_lost_producer(&self.brokers.config()), "a producer");
        let Delivery { window, refusals, metrics, .. } = &mut self.delivery;
        let now = Instant::now();
        let settled: Vec<i64> = window.unsettled().iter().map(|(row, _)| row.seq).collect();
        window.settled(settled.len(), &[], now);
        for seq in settled {
            Self::gone(&mut self.outbox, &mut self.keys, seq);
        }
        for seq in refusals.written_down(window, metrics) {
            self.dead.insert(seq);
            Self::gone(&mut self.outbox, &mut self.keys, seq);
        }
        let (rows, bytes) = window.room();
        let (wanted, _) = window.wanted(rows, bytes);
        let found = wanted.iter().filter_map(|seq| self.outbox.get(seq).map(|(key, topic)| row(*seq, key, topic)));
        let found = found.collect();
        window.loaded(&wanted, found);
        window.forget_gone(now);
        window.unpark(now);
        self.delivery.send(&mut self.broker);
    }

    fn gone(outbox: &mut BTreeMap<i64, (String, &'static str)>, keys: &mut BTreeMap<String, BTreeSet<i64>>, seq: i64) {
        let (key, _) = outbox.remove(&seq).expect("a row is done once");
        let seqs = keys.get_mut(&key).expect("its rows");
        assert_eq!(seqs.pop_first(), Some(seq), "a successor of it is done before, for `{key}`");
    }

    /// Takes in a report, and all that are there, and counts the bundles that fail.
    fn hear(&mut self, event: Option<ClientEvent>) {
        let window = &self.delivery.window;
        let firsts = self.keys.values().filter_map(|seqs| seqs.first().copied());
        let bundled: Vec<i64> = firsts.filter(|first| window.is_bundled(*first)).collect();
        if let Some(event) = event {
            self.delivery.hear(event, &mut self.broker);
        }
        self.delivery.hear_all(&mut self.broker);
        let window = &self.delivery.window;
        let delivered: BTreeSet<i64> = window.unsettled().iter().map(|(row, _)| row.seq).collect();
        let has_failed = |first: &&i64| !window.is_bundled(**first) && !delivered.contains(*first);
        self.failed += bundled.iter().filter(has_failed).count();
    }
}

fn row(seq: i64, key: &str, topic: &str) -> QueuedRow {
    QueuedRow {
        seq,
        event_id: uuid::Uuid::from_u128(u128::from(seq.cast_unsigned())),
        topic: topic.into(),
        key: Some(key.into()),
        ordering_key: Some(key.into()),
        lane: 1,
        headers: HeaderText::default(),
        payload: seq.to_string().into_bytes(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        attempts: 0,
    }
}

#[tokio::test]
async fn faults_by_chance_leave_each_hot_key_in_its_order() {
    let runs = setting("MARTY_EVENTS_HOT_KEY_RUNS").and_then(|runs| runs.try_into().ok()).unwrap_or(RUNS);
    let seed = setting("MARTY_EVENTS_HOT_KEY_SEED").unwrap_or(20_261);
    let (begin, mut chance, mut seqs) = (Instant::now(), Chance::new(seed), 1..);
    let (mut brokers, mut failed, mut dead) = (Brokers::start(), 0, 0);
    for group in 0..runs.div_ceil(TOGETHER) {
        if 0 < group && group % (OF_BROKERS / TOGETHER) == 0 {
            brokers = Brokers::start();
        }
        let mut trial = Trial::new(&mut chance, &mut brokers, &mut seqs);
        let written = trial.keys.clone();
        trial.run().await;
        (failed, dead) = (failed + trial.failed, dead + trial.dead.len());
        let letters = std::mem::take(&mut trial.dead);
        drop(trial);
        let is_due = |seq: &i64| !letters.contains(seq);
        let mut histories = brokers.read(written.values().flatten().copied().filter(is_due).collect());
        for (key, seqs) in written {
            let expected: Vec<i64> = seqs.into_iter().filter(is_due).collect();
            let history: Vec<i64> = histories.remove(&key).unwrap_or_default().into_iter().filter(is_due).collect();
            assert_eq!(history, expected, "seed {seed}, runs before: {}, key `{key}`", group * TOGETHER);
        }
    }
    println!("seed {seed}: {runs} runs, {failed} bundles failed, {dead} dead letters, in {:.1?}", begin.elapsed());
    assert!(0 < failed, "no fault met a bundle");
}
