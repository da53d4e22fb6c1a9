//! A reader of the write-ahead log: takes the inserts into `event_outbox` from a replication slot (`SLOT`), sends each with its headers
//! through one idempotent producer, and confirms a transaction once all of it is acknowledged. With `STAYS` it does not end by itself.

mod record;

use std::{
    collections::VecDeque,
    env,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use pgwire_replication::{Lsn, ReplicationClient, ReplicationConfig, ReplicationEvent};
use rdkafka::{
    ClientConfig, ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
};
use record::{Record, Table};
use tokio::sync::Notify;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Counts acknowledgements, which an idempotent producer gives in the order of each partition.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Count>);

#[derive(Default)]
struct Count {
    records: AtomicU64,
    refused: AtomicU64,
    changed: Notify,
}

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
        }
        self.0.records.fetch_add(1, Ordering::Release);
        self.0.changed.notify_one();
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let events: u64 = env::var("EVENTS")?.parse()?;
    let acknowledged = Acknowledged::default();
    let producer: ThreadedProducer<Acknowledged> = ClientConfig::new()
        .set("bootstrap.servers", env::var("KAFKA_BROKERS")?)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "20000")
        .create_with_context(acknowledged.clone())?;
    // The topic's metadata is there before the clock runs.
    producer.client().fetch_metadata(Some(&env::var("TOPIC")?), Duration::from_secs(10))?;
    let mut client = ReplicationClient::connect(config()?).await?;
    let mut table = Table::default();
    let (mut begin, mut sent) = (None, 0);
    let mut transactions: VecDeque<(u64, Lsn)> = VecDeque::new();
    let count = &acknowledged.0;
    while count.records.load(Ordering::Acquire) < events {
        tokio::select! {
            event = client.recv(), if sent < events => match event?.ok_or("the log ended")? {
                ReplicationEvent::XLogData { data, .. } => {
                    if let Some(record) = table.take(&data)? {
                        begin.get_or_insert_with(Instant::now);
                        send(&producer, record, count).await?;
                        sent += 1;
                    }
                }
                ReplicationEvent::Commit { end_lsn, .. } => transactions.push_back((sent, end_lsn)),
                _ => {}
            },
            () = count.changed.notified() => {}
        }
        let done = count.records.load(Ordering::Acquire);
        while let Some((_, lsn)) = transactions.pop_front_if(|(records, _)| *records <= done) {
            client.update_applied_lsn(lsn);
        }
    }
    if count.refused.load(Ordering::Relaxed) > 0 {
        return Err("the broker refused a record".into());
    }
    println!("{}", begin.ok_or("nothing was read")?.elapsed().as_secs_f64());
    if env::var_os("STAYS").is_some() {
        std::future::pending::<()>().await;
    }
    client.shutdown().await?;
    Ok(())
}

/// Waits where the client's queue is full.
async fn send(producer: &ThreadedProducer<Acknowledged>, record: Record, count: &Count) -> Result<(), Failure> {
    let headers = record.headers()?;
    let mut next = BaseRecord::to(&record.topic).key(&record.key).payload(&record.payload[..]).headers(headers);
    loop {
        match producer.send(next) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                next = back;
                count.changed.notified().await;
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

fn config() -> Result<ReplicationConfig, Failure> {
    let url = url::Url::parse(&env::var("DATABASE_URL")?)?;
    let (host, port) = (url.host_str().ok_or("a URL without a host")?, url.port().unwrap_or(5432));
    let (password, database) = (url.password().unwrap_or_default(), url.path().trim_start_matches('/'));
    let config = ReplicationConfig::new(host, url.username(), password, database, env::var("SLOT")?, "load");
    Ok(config.with_port(port).with_binary(true).with_buffer_size(8_192).with_status_interval(Duration::from_secs(1)))
}
