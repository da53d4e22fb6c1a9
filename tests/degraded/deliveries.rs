//! A count of the events that are in Kafka, by a consumer without a group.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use marty_events_tests::wait;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};
use uuid::Uuid;

use crate::figures::Arrived;

/// Reads some topics from their beginning, as long as it lives.
pub(crate) struct Deliveries {
    arrivals: Arc<Mutex<Arrivals>>,
    is_over: Arc<AtomicBool>,
}

#[derive(Default)]
struct Arrivals {
    /// The time of each event's first delivery.
    times: HashMap<Uuid, Instant>,
    /// The numbers of each key in the order of their first deliveries.
    histories: HashMap<String, Vec<u64>>,
    partitions: HashMap<String, i32>,
}

impl Deliveries {
    /// Reads these topics, which have so many partitions each.
    pub(crate) fn start(bootstrap: &str, topics: &[(String, i32)]) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", format!("deliveries-{}", Uuid::now_v7()))
            .set("enable.auto.commit", "false")
            .set("topic.metadata.refresh.interval.ms", "1000")
            .create()
            .expect("a consumer");
        let mut places = TopicPartitionList::new();
        for (topic, partitions) in topics {
            for partition in 0..*partitions {
                places.add_partition_offset(topic, partition, Offset::Beginning).expect("a place");
            }
        }
        consumer.assign(&places).expect("an assignment");
        let (arrivals, is_over) = (Arc::<Mutex<Arrivals>>::default(), Arc::<AtomicBool>::default());
        let (noted, ends) = (arrivals.clone(), is_over.clone());
        thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                    lock(&noted).note(&message);
                }
            }
        });
        Self { arrivals, is_over }
    }

    /// Waits for these events, until all are there or `limit` is over.
    pub(crate) async fn await_all(&self, ids: &[Uuid], limit: Duration) -> Arrived {
        let begin = Instant::now();
        loop {
            let count = self.count(ids);
            let time = begin.elapsed();
            if count == ids.len() || (limit <= time && wait::patient(limit) <= time) {
                return Arrived { count, of: ids.len(), time };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for events that are part of the preparations.
    pub(crate) async fn until_all(&self, ids: &[Uuid]) {
        self.await_all(ids, 2 * wait::DEADLINE).await.assert_all("before anything suffers");
    }

    /// The number of these events that came.
    pub(crate) fn count(&self, ids: &[Uuid]) -> usize {
        let arrivals = lock(&self.arrivals);
        ids.iter().filter(|id| arrivals.times.contains_key(*id)).count()
    }

    /// The number of these events that came within `limit` after they were written.
    pub(crate) fn in_time(&self, written: &[(Uuid, Instant)], limit: Duration) -> usize {
        let is_in_time = |(id, at): &&(Uuid, Instant)| {
            self.time(*id).is_some_and(|time| time.saturating_duration_since(*at) <= limit)
        };
        written.iter().filter(is_in_time).count()
    }

    /// The time of an event's first delivery.
    pub(crate) fn time(&self, id: Uuid) -> Option<Instant> {
        lock(&self.arrivals).times.get(&id).copied()
    }

    /// The partition that each key came by.
    pub(crate) fn partitions(&self) -> HashMap<String, i32> {
        lock(&self.arrivals).partitions.clone()
    }

    /// The number of keys that came out of order.
    pub(crate) fn disordered(&self) -> usize {
        lock(&self.arrivals).histories.values().filter(|history| !history.is_sorted()).count()
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Arrivals {
    fn note(&mut self, message: &impl Message) {
        let id = message.headers().and_then(|headers| headers.iter().find(|header| header.key == "ce_id"));
        let id = id.and_then(|header| std::str::from_utf8(header.value?).ok()?.parse().ok());
        let Some(id) = id else { return };
        if self.times.contains_key(&id) {
            return;
        }
        self.times.insert(id, Instant::now());
        let Some(Ok(key)) = message.key().map(std::str::from_utf8) else { return };
        self.partitions.entry(key.to_owned()).or_insert_with(|| message.partition());
        if let Some(number) = number(message.payload().unwrap_or_default()) {
            self.histories.entry(key.to_owned()).or_default().push(number);
        }
    }
}

/// The number in an event's data: cheaper than to read the whole envelope.
fn number(payload: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(payload).ok()?;
    let (_, rest) = text.split_once("\"number\":")?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}
