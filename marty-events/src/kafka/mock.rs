//! librdkafka's mock broker with one topic of one partition.

use std::{collections::BTreeSet, time::Duration};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use crate::EventConfig;

pub(crate) const TOPIC: &str = "t";

pub(crate) struct Broker(MockCluster<'static, DefaultProducerContext>);

impl Broker {
    pub(crate) fn start() -> Self {
        let cluster = MockCluster::new(1).expect("a cluster");
        cluster.create_topic(TOPIC, 1, 1).expect("a topic");
        Self(cluster)
    }

    pub(crate) fn bootstrap_servers(&self) -> String {
        self.0.bootstrap_servers()
    }

    pub(crate) fn config(&self) -> EventConfig {
        let config = EventConfig::builder().service_name("test").brokers(self.bootstrap_servers());
        config.build().expect("a configuration")
    }

    /// Refuses the next batch, and takes the batch behind it, as on a partition where it knows nothing of the producer. The first answer is
    /// slow, so that the client sends the second batch before it.
    pub(crate) fn refuse_one_batch(&self) {
        self.0.broker_round_trip_time(1, Duration::from_secs(1)).expect("a slow broker");
        let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
        self.0.request_errors(RDKafkaApiKey::Produce, &[refusal]);
    }

    /// Refuses the next batch for good, and takes the batches behind it.
    pub(crate) fn reject_one_batch(&self) {
        let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
        self.0.request_errors(RDKafkaApiKey::Produce, &[refusal]);
    }

    /// The keys of these that are not in the topic, after it was read until it holds them all or says nothing more.
    pub(crate) fn missing(&self, keys: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.0.bootstrap_servers()).set("group.id", "reader");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(TOPIC, 0, Offset::Beginning).expect("the partition");
        consumer.assign(&partitions).expect("it is assigned");
        let mut missing: BTreeSet<String> = keys.into_iter().collect();
        while !missing.is_empty() {
            let Some(record) = consumer.poll(Duration::from_secs(20)) else { break };
            let record = record.expect("no error");
            missing.remove(record.key_view::<str>().expect("a key").expect("a text"));
        }
        missing
    }
}

/// The pause between two records that are to be in two batches. A batch that both share is refused as a whole and sent again, which is right
/// too, and shows nothing.
pub(crate) const APART: Duration = Duration::from_millis(300);
