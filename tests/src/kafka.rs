//! Reading the records that reached Kafka.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientConfig, Message,
    consumer::{Consumer, StreamConsumer},
    message::{BorrowedMessage, Headers},
};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{schemas, wait};

/// A topic prefix that no other test has.
#[must_use]
pub fn prefix() -> String {
    format!("t{}", Uuid::now_v7().simple())
}

/// A record as it was read.
#[derive(Debug, Clone)]
pub struct Record {
    /// The topic.
    pub topic: String,
    /// The partition and offset.
    pub place: (i32, i64),
    /// The key, as text.
    pub key: Option<String>,
    /// The headers, as text.
    pub headers: Vec<(String, String)>,
    /// The value.
    pub value: serde_json::Value,
}

impl Record {
    /// The event's id, which a redelivery shares.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.header("ce_id")
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A consumer of every topic of one prefix, from the beginning, and the records that it has read. Each event is held against its schemas.
#[derive(Debug)]
struct Collector<R> {
    records: Arc<Mutex<Vec<R>>>,
    /// Events that a schema refuses.
    invalid: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl<R: Clone + Send + 'static> Collector<R> {
    fn start(bootstrap: &str, prefix: &str, read: fn(&BorrowedMessage<'_>) -> R) -> Self {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", format!("reader-{}", Uuid::now_v7()))
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("topic.metadata.refresh.interval.ms", "250")
            .create()
            .expect("a consumer");
        consumer.subscribe(&[&format!("^{prefix}\\..*")]).expect("a subscription");
        let (records, invalid) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let task = tokio::spawn({
            let (records, invalid) = (records.clone(), invalid.clone());
            async move {
                loop {
                    match consumer.recv().await {
                        Ok(message) => {
                            invalid.lock().unwrap_or_else(PoisonError::into_inner).extend(fault(&message));
                            records.lock().unwrap_or_else(PoisonError::into_inner).push(read(&message));
                        }
                        // A topic or group that is not there yet.
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
            }
        });
        Self { records, invalid, task }
    }

    fn records(&self) -> Vec<R> {
        let invalid = self.invalid.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(invalid.is_empty(), "events that their schemas refuse:\n{}", invalid.join("\n"));
        drop(invalid);
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<R> Drop for Collector<R> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads, from the beginning, every topic of one prefix.
#[derive(Debug)]
pub struct Reader(Collector<Record>);

impl Reader {
    /// Starts reading the topics whose names begin with `prefix`, also those that come later.
    ///
    /// # Panics
    ///
    /// When no consumer can be made.
    #[must_use]
    pub fn start(bootstrap: &str, prefix: &str) -> Self {
        Self(Collector::start(bootstrap, prefix, record))
    }

    /// Everything read so far, in the order of reading.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.0.records()
    }

    /// Waits until `count` different events have been read, and answers all records.
    ///
    /// # Panics
    ///
    /// When they do not come in time.
    pub async fn events(&self, count: usize) -> Vec<Record> {
        let ids = |records: &[Record]| records.iter().map(Record::id).collect::<BTreeSet<_>>().len();
        let found = fmt::from_fn(|f| {
            let records = self.records();
            write!(f, "{count} events, and {} of them in {} records", ids(&records), records.len())
        });
        wait::until(found, || async {
            let records = self.records();
            (count <= ids(&records)).then_some(records)
        })
        .await
    }
}

/// A record as its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The place there.
    pub offset: i64,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The headers in their order; one may have no value.
    pub headers: Vec<(String, Option<String>)>,
    /// The value.
    pub value: Vec<u8>,
}

impl Raw {
    /// The id of its event.
    ///
    /// # Panics
    ///
    /// When its value is not an event's.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let value: serde_json::Value = serde_json::from_slice(&self.value).expect("JSON");
        value["metadata"]["event_id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
    }
}

/// Reads the bytes of every topic of one prefix, from the beginning.
#[derive(Debug)]
pub struct RawReader(Collector<Raw>);

impl RawReader {
    /// Starts reading the topics whose names begin with `prefix`, also those that come later.
    ///
    /// # Panics
    ///
    /// When no consumer can be made.
    #[must_use]
    pub fn start(bootstrap: &str, prefix: &str) -> Self {
        Self(Collector::start(bootstrap, prefix, raw))
    }

    /// Everything read so far, each record once. A consumer that learns of another topic reads those that it had from the beginning.
    #[must_use]
    pub fn records(&self) -> Vec<Raw> {
        let mut read = BTreeSet::new();
        let mut records = self.0.records();
        records.retain(|record| read.insert((record.topic.clone(), record.partition, record.offset)));
        records
    }
}

/// The faults of an event. A record without `ce_id` was not made by the library.
fn fault(message: &BorrowedMessage<'_>) -> Option<String> {
    let mut headers = message.headers()?.iter();
    headers.find(|header| header.key == "ce_id")?;
    let value: serde_json::Value = serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or_default();
    let faults = schemas::faults_of(message.topic(), &value);
    (!faults.is_empty()).then(|| format!("{}: {}\n{value:#}", message.topic(), faults.join("; ")))
}

fn raw(message: &BorrowedMessage<'_>) -> Raw {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(text))).collect()
    });
    Raw {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        headers,
        value: message.payload().unwrap_or_default().to_vec(),
    }
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(text).unwrap_or_default())).collect()
    });
    Record {
        topic: message.topic().to_owned(),
        place: (message.partition(), message.offset()),
        key: message.key().map(text),
        headers,
        value: serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or_default(),
    }
}
