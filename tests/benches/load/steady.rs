//! 1,000 events a second, each in a transaction of its own: how long from the commit to a consumer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use marty_events::OutboxRepository;
use marty_events_tests::{private_servers::Server, process::Watched, wait};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Failure,
    by_hand::Record,
    direct,
    open::{self, open},
    order, peers,
    report::{Sample, percentile},
    slot,
    stage::{KEYS, RunningRelay, Stage},
};

/// Events a second.
const PACE: usize = 1_000;

#[derive(Debug, Clone, Copy)]
enum Case {
    Direct,
    SameProcess,
    OtherProcess,
    Polling,
    /// A reader of the write-ahead log in a process of its own.
    Log,
}

const CASES: [(&str, Case); 4] = [
    ("direct producer", Case::Direct),
    ("relay in the process", Case::SameProcess),
    ("relay in another process", Case::OtherProcess),
    ("relay that polls, in another process", Case::Polling),
];

pub(crate) async fn round(turn: usize, seconds: u64) -> Result<Vec<Sample>, Failure> {
    let mut samples: Vec<Option<[Sample; 2]>> = CASES.iter().map(|_| None).collect();
    for place in order(CASES.len(), turn) {
        let (name, case) = CASES[place];
        let mut latencies = run(case, Stage::new().await?, PACE, usize::try_from(seconds)? * PACE).await?;
        let mut of = |percent: usize| Sample::new(format!("{name}, p{percent}"), percentile(&mut latencies, percent));
        samples[place] = Some([of(50), of(99)]);
    }
    Ok(samples.into_iter().flatten().flatten().collect())
}

const PACES: [usize; 5] = [100, 300, 1_000, 2_000, 4_000];

const BESIDE: [(&str, Case); 4] = [
    ("direct producer", Case::Direct),
    ("relay in the process", Case::SameProcess),
    ("relay in another process", Case::OtherProcess),
    ("reader of the log, in Rust", Case::Log),
];

/// The same at several paces, beside the reader of the log, which needs a server that writes it in full.
pub(crate) async fn round_of_paces(turn: usize, seconds: u64) -> Result<Vec<Sample>, Failure> {
    let (_server, url) = Server::postgres_with("wal_level = logical");
    let mut samples = Vec::new();
    for pace in PACES {
        for place in order(BESIDE.len(), turn) {
            let (name, case) = BESIDE[place];
            if matches!(case, Case::Log) && peers::program("MARTY_EVENTS_LOAD_WAL", &[]).is_none() {
                continue;
            }
            let mut latencies = run(case, Stage::on(&url).await?, pace, usize::try_from(seconds)? * pace).await?;
            for percent in [50, 99] {
                let value = percentile(&mut latencies, percent);
                samples.push(Sample::at(format!("{name}, p{percent}"), pace, value));
            }
        }
    }
    Ok(samples)
}

/// The time of each event, by its id.
type Times = Arc<Mutex<HashMap<Uuid, Instant>>>;

fn note(times: &Times, id: Uuid) {
    times.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Instant::now());
}

/// The milliseconds of each event.
async fn run(case: Case, stage: Stage, pace: usize, events: usize) -> Result<Vec<f64>, Failure> {
    if matches!(case, Case::Log) {
        slot::open(&stage.database.pool).await?;
    }
    let stage = Arc::new(stage);
    let read = Times::default();
    let consumer = std::thread::spawn(consume(&stage, &read, events + 1)?);
    let in_process = matches!(case, Case::SameProcess).then(|| RunningRelay::start(stage.relay())).transpose()?;
    let beside = match case {
        Case::OtherProcess => Some(Watched::start(&mut stage.relay_command(&[]))),
        Case::Polling => Some(Watched::start(&mut stage.relay_command(&["--no-listen"]))),
        Case::Log => {
            let mut program = peers::program("MARTY_EVENTS_LOAD_WAL", &[]).ok_or("no reader of the log")?;
            Some(Watched::start(peers::given(&mut program, &stage, events + 1, 1)))
        }
        Case::Direct | Case::SameProcess => None,
    };
    let producer = direct::producer(&stage)?;
    let written = Times::default();
    // The first one finds everything cold, and is left out.
    let warm = one(case, &stage, &producer, &written, 0).await?;
    let has_come = || read.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&warm);
    wait::until("the first event", || async { has_come().then_some(()) }).await;
    let mut pace = tokio::time::interval(Duration::from_secs(1) / u32::try_from(pace)?);
    let mut writers = JoinSet::new();
    for number in 1..=events {
        pace.tick().await;
        let (stage, producer, written) = (stage.clone(), producer.clone(), written.clone());
        writers.spawn(async move { one(case, &stage, &producer, &written, number).await });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    tokio::task::spawn_blocking(|| consumer.join()).await?.map_err(|_| "the consumer panicked")??;
    if let Some(relay) = in_process {
        relay.stop().await?;
    }
    drop(beside);
    if matches!(case, Case::Log) {
        slot::close(&stage.database.pool).await;
    }
    let (written, read) = (take(&written), take(&read));
    let latencies = written.iter().filter(|(id, _)| **id != warm).map(|(id, written)| {
        let read = read.get(id).ok_or("an event is missing")?;
        // It may be read before the writer has heard of its commit.
        Ok(read.saturating_duration_since(*written).as_secs_f64() * 1e3)
    });
    let latencies = latencies.collect::<Result<Vec<f64>, Failure>>()?;
    if let Ok(stage) = Arc::try_unwrap(stage).map_err(|_| ()) {
        stage.end().await;
    }
    Ok(latencies)
}

fn take(times: &Times) -> HashMap<Uuid, Instant> {
    std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Writes one event and notes when that was over; a direct one, when it was handed over.
async fn one(
    case: Case,
    stage: &Stage,
    producer: &rdkafka::producer::FutureProducer,
    written: &Times,
    number: usize,
) -> Result<Uuid, Failure> {
    if matches!(case, Case::Direct) {
        let record = Record::new(number % KEYS, stage.data(number));
        note(written, record.id);
        direct::send(producer, &stage.topic, &record.key, &record).await?;
        return Ok(record.id);
    }
    let mut transaction = stage.database.pool.begin().await?;
    let id = stage.publisher.publish_in(&mut transaction, stage.event(number)).await?;
    transaction.commit().await?;
    note(written, id);
    Ok(id)
}

/// Reads until it has seen so many events.
fn consume(
    stage: &Stage,
    read: &Times,
    events: usize,
) -> Result<impl FnOnce() -> Result<(), Failure> + Send + 'static, Failure> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &stage.brokers)
        .set("group.id", &stage.prefix)
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "100")
        .create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..3 {
        partitions.add_partition_offset(&stage.topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    let read = read.clone();
    Ok(move || {
        let limit = Instant::now() + Duration::from_mins(5);
        let mut seen = 0;
        while seen < events {
            if limit < Instant::now() {
                return Err(format!("{seen} of {events} events came").into());
            }
            let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message?;
            let headers = message.headers().ok_or("a record without headers")?;
            let id = headers.iter().find(|header| header.key == "ce_id").and_then(|header| header.value);
            let id = Uuid::try_parse_ascii(id.ok_or("a record without an id")?)?;
            let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
            read.entry(id).or_insert_with(Instant::now);
            seen = read.len();
        }
        Ok(())
    })
}

/// The most events that wait, and the rest of them, beside a transaction that stays open all the while.
pub(crate) async fn round_beside_open_transactions(turn: usize, seconds: u64) -> Result<Vec<Sample>, Failure> {
    /// So many events a transaction.
    const EVENTS: usize = 20;
    let mut samples: Vec<Vec<Sample>> = open::CASES.iter().map(|_| Vec::new()).collect();
    for place in order(open::CASES.len(), turn) {
        let (name, statement) = open::CASES[place];
        let stage = Stage::new().await?;
        let in_the_way = open(&stage, statement).await?;
        let outbox = OutboxRepository::new(&stage.database.pool);
        let relay = RunningRelay::start(stage.relay())?;
        let mut pace = tokio::time::interval(Duration::from_secs(1) * u32::try_from(EVENTS)? / u32::try_from(PACE)?);
        let (begin, mut written, mut most) = (Instant::now(), 0, 0);
        while begin.elapsed() < Duration::from_secs(seconds) {
            pace.tick().await;
            let mut transaction = stage.database.pool.begin().await?;
            let part = (written..written + EVENTS).map(|number| stage.event(number));
            stage.publisher.publish_all_in(&mut transaction, part).await?;
            transaction.commit().await?;
            written += EVENTS;
            if written % PACE == 0 {
                most = most.max(usize::try_from(outbox.stats().await?.pending)?);
            }
        }
        let rate = crate::rate(written, begin.elapsed());
        stage.until_delivered(written).await;
        let dead = stage.dead_rows(written).await?;
        relay.stop().await?;
        drop(in_the_way);
        stage.end().await;
        let whole = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        samples[place] = vec![
            Sample::new(format!("{name}, dead rows"), dead),
            Sample::new(format!("{name}, events/s"), rate),
            Sample::new(format!("{name}, most that waited"), whole(most)),
        ];
    }
    Ok(samples.into_iter().flatten().collect())
}
