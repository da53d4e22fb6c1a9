//! Records of events with ids that a test chooses, so that an event can come again.

use std::time::Duration;

use futures_util::future::join_all;
use marty_events_tests::{
    effects::{EVENT_TYPE, TOPIC},
    wait,
};
use rdkafka::{
    ClientConfig, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};

/// The time that a broker may be away.
const OUTAGE: Duration = Duration::from_mins(5);

/// A writer of records.
pub(crate) struct Records {
    producer: FutureProducer,
    topic: String,
}

impl Records {
    pub(crate) fn new(brokers: &str, prefix: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", OUTAGE.as_millis().to_string())
            .create()
            .expect("a producer");
        Self { producer, topic: format!("{prefix}.{TOPIC}") }
    }

    /// Writes the event `number` of a key. Its id is always the same.
    pub(crate) async fn write(&self, key: &str, number: i64) {
        let id = format!("{key}-{number}");
        let value = serde_json::json!({ "payload": { "number": number } }).to_string();
        let headers = [("ce_specversion", "1.0"), ("ce_id", &id), ("ce_source", "suite"), ("ce_type", EVENT_TYPE)];
        let headers = headers
            .into_iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
        let record = FutureRecord::to(&self.topic).key(key).payload(&value).headers(headers);
        self.producer.send(record, OUTAGE).await.expect("the record is written");
    }

    /// The same for these numbers of these keys, the numbers of a key in their order.
    pub(crate) async fn write_all(&self, keys: &[&str], numbers: std::ops::Range<i64>) {
        for number in numbers {
            join_all(keys.iter().map(|key| self.write(key, number))).await;
        }
    }

    /// Lets the topic forget all records before the offsets that the group has committed, as its retention does. Answers the count of
    /// records that it has forgotten so far.
    pub(crate) async fn pass_retention(&self, brokers: &str, group: &str) -> Result<i64, KafkaError> {
        let client = ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", group).clone();
        let topic = self.topic.clone();
        let committed = move || {
            let consumer: BaseConsumer = client.create()?;
            let metadata = consumer.fetch_metadata(Some(&topic), wait::patient(Duration::from_secs(5)))?;
            let mut partitions = TopicPartitionList::new();
            for partition in metadata.topics()[0].partitions() {
                partitions.add_partition(&topic, partition.id());
            }
            consumer.committed_offsets(partitions, wait::patient(Duration::from_secs(5)))
        };
        let committed = tokio::task::spawn_blocking(committed).await.expect("no panic")?;
        let mut forgotten = TopicPartitionList::new();
        for partition in committed.elements() {
            if partition.offset().to_raw().is_some_and(|offset| 0 < offset) {
                forgotten.add_partition_offset(partition.topic(), partition.partition(), partition.offset())?;
            }
        }
        if forgotten.count() == 0 {
            return Ok(0);
        }
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", brokers).create()?;
        let options = AdminOptions::new().request_timeout(Some(wait::patient(Duration::from_secs(5))));
        let first = admin.delete_records(&forgotten, &options).await?;
        Ok(first.elements().iter().filter_map(|partition| partition.offset().to_raw()).sum())
    }
}
