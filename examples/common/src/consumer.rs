use std::{collections::HashSet, time::Duration};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
    error::KafkaError,
};
use serde_json::Value;

/// Reads the topics that it is told to, from their beginning. Any Kafka client would do.
pub struct Consumer {
    client: StreamConsumer,
    seen: HashSet<String>,
}

/// An event as a consumer reads it.
#[derive(Debug, Clone)]
pub struct Received {
    /// The topic.
    pub topic: String,
    /// The record's key.
    pub key: String,
    /// The whole envelope.
    pub envelope: Value,
}

/// The longest wait for an event.
const DEADLINE: Duration = Duration::from_secs(30);
/// The number of partitions that the in-process broker gives a topic.
const PARTITIONS: i32 = 4;

impl Consumer {
    /// A consumer of these topics.
    pub fn of(bootstrap: &str, topics: &[&str]) -> Result<Self, KafkaError> {
        let client: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "example")
            .set("topic.metadata.refresh.interval.ms", "200")
            .create()?;
        let mut partitions = TopicPartitionList::new();
        for topic in topics {
            for partition in 0..PARTITIONS {
                partitions.add_partition_offset(topic, partition, Offset::Beginning)?;
            }
        }
        client.assign(&partitions)?;
        Ok(Self { client, seen: HashSet::new() })
    }

    /// The next `count` events, in the order in which they come. Delivery is at least once, so an event whose id was seen before is
    /// dropped, as in every consumer.
    pub async fn next(&mut self, count: usize) -> Result<Vec<Received>, Box<dyn std::error::Error>> {
        let mut events = Vec::with_capacity(count);
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while events.len() < count {
            // A topic that is not there yet is no reason to stop.
            let Ok(message) = tokio::time::timeout_at(deadline, self.client.recv()).await? else { continue };
            let event = Received {
                topic: message.topic().to_owned(),
                key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
                envelope: serde_json::from_slice(message.payload().unwrap_or_default())?,
            };
            if self.seen.insert(event.id()) {
                events.push(event);
            }
        }
        Ok(events)
    }
}

impl Received {
    /// The event's id, a UUID of version 7: in the order of the ids events are in the order in which they were recorded.
    #[must_use]
    pub fn id(&self) -> String {
        self.metadata("event_id").to_owned()
    }

    /// A text of the envelope's metadata; empty where there is none.
    #[must_use]
    pub fn metadata(&self, name: &str) -> &str {
        self.envelope["metadata"][name].as_str().unwrap_or_default()
    }

    /// The event's type.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.envelope["event_type"].as_str().unwrap_or_default()
    }

    /// The subject of the event.
    #[must_use]
    pub fn payload(&self) -> &Value {
        &self.envelope["payload"]
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").finish_non_exhaustive()
    }
}
