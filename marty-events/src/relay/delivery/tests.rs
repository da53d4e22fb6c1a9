//! The relay's producer beside librdkafka's mock brokers.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use uuid::Uuid;

use super::{ClientEvent, RelayProducer};
use crate::{
    EventConfig,
    outbox::{HeaderText, QueuedRow},
};

const TOPIC: &str = "t";

fn row(seq: i64) -> QueuedRow {
    QueuedRow {
        seq,
        event_id: Uuid::nil(),
        topic: TOPIC.to_owned(),
        key: Some(seq.to_string()),
        ordering_key: Some(seq.to_string().into()),
        lane: 1,
        headers: HeaderText::default(),
        payload: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        attempts: 0,
    }
}

/// The rows on which the client reports, until there are `count`, and if it takes them for delivered.
async fn reports(producer: &mut RelayProducer, count: usize) -> Vec<(i64, bool)> {
    let mut reports = Vec::new();
    while reports.len() < count {
        let event = tokio::time::timeout(Duration::from_mins(1), producer.event()).await.expect("in time");
        if let Some(ClientEvent::Report(report)) = event {
            reports.push((report.seq, report.result.is_ok()));
        }
    }
    reports
}

/// The keys in the topic, up to `last`.
fn keys(brokers: &str, last: i64) -> BTreeSet<i64> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "reader").create().expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(TOPIC, 0, Offset::Beginning).expect("the partition");
    consumer.assign(&partitions).expect("it is assigned");
    let mut keys = BTreeSet::new();
    while !keys.contains(&last) {
        let record = consumer.poll(Duration::from_mins(1)).expect("a record").expect("no error");
        keys.insert(record.key_view::<str>().expect("a key").expect("a text").parse().expect("a number"));
    }
    keys
}

/// The batch of one row fails, and the broker takes the batch behind it, as on a partition where it knows nothing of the producer.
/// librdkafka reports both rows as delivered then.
#[tokio::test]
async fn a_row_counts_as_delivered_by_its_own_acknowledgement_alone() {
    let cluster = MockCluster::<DefaultProducerContext>::new(1).expect("a cluster");
    cluster.create_topic(TOPIC, 1, 1).expect("a topic");
    let brokers = cluster.bootstrap_servers();
    let config = EventConfig::builder().service_name("test").brokers(&brokers).build().expect("a configuration");
    let mut producer = RelayProducer::new(&config).expect("a producer");
    producer.send(&row(1)).expect("it is taken");
    assert_eq!(reports(&mut producer, 1).await, [(1, true)], "the client has its connection and its id");

    // Long enough for a second batch while the first one has no answer.
    cluster.broker_round_trip_time(1, Duration::from_secs(1)).expect("a slow broker");
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION]);
    producer.send(&row(2)).expect("it is taken");
    // A batch that both rows share fails as a whole, and is sent again: that is right too, and shows nothing.
    tokio::time::sleep(Duration::from_millis(300)).await;
    producer.send(&row(3)).expect("it is taken");
    let reports = reports(&mut producer, 2).await;
    let there = keys(&brokers, 3);
    for (seq, is_delivered) in &reports {
        assert!(!is_delivered || there.contains(seq), "{seq} is not there: {reports:?} {there:?}");
    }
}
