//! The inbox forgets records, so that they are handled again.

use std::{collections::HashMap, time::Duration};

use marty_events::{EventConfig, consumer::Delivery, inbox::InboxRepository};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::Consumer,
    error::KafkaError,
    message::{BorrowedMessage, Headers},
};
use tokio::sync::mpsc;

use super::plan::Step;
use crate::{
    failure::Result,
    kafka::group::Group,
    progress::{Done, in_steps},
    stop,
};

/// The number of events that one statement forgets.
const STEP: usize = 500;

/// Reads the records of the steps, and lets the inbox forget their events.
pub(super) async fn forget(
    config: EventConfig,
    group: &str,
    topic: &str,
    steps: &[Step],
    inbox: &InboxRepository,
    patience: Duration,
) -> Result<(Done, u64)> {
    let total = steps.iter().map(|step| step.records).sum();
    let (give, mut taken) = mpsc::channel(4);
    let (name, topic, steps) = (group.to_owned(), topic.to_owned(), steps.to_vec());
    let reading = tokio::task::spawn_blocking(move || {
        let reader = Group::new(&config, &name, patience)?;
        read(&reader, &topic, &steps, &give)
    });
    let mut forgotten = 0;
    let stop = stop::when_asked();
    let done = in_steps("forgetting", total, &stop, async || {
        let ids: Vec<String> = match stop.run_until_cancelled(taken.recv()).await {
            Some(Some(ids)) => ids,
            Some(None) => return Ok(None),
            None => return Ok(Some(0)),
        };
        forgotten += inbox.forget(group, &ids).await?;
        Ok(Some(ids.len() as u64))
    })
    .await?;
    // A reader that nobody listens to ends.
    drop(taken);
    reading.await.map_err(std::io::Error::other)??;
    Ok((done, forgotten))
}

/// Hands the ids of the records over, until the last one was read or nobody takes them any more.
fn read(reader: &Group, topic: &str, steps: &[Step], give: &mpsc::Sender<Vec<String>>) -> Result<()> {
    let failed = |error: KafkaError| reader.failed(&error);
    let mut begin = TopicPartitionList::new();
    let mut left = HashMap::new();
    for step in steps.iter().filter(|step| step.from < step.until) {
        begin.add_partition_offset(topic, step.partition, Offset::Offset(step.from)).map_err(failed)?;
        left.insert(step.partition, step.until);
    }
    reader.client.assign(&begin).map_err(failed)?;
    let mut ids = Vec::with_capacity(STEP);
    while !left.is_empty() && !give.is_closed() {
        let ended = match reader.client.poll(Duration::from_millis(100)) {
            Some(Ok(record)) => {
                let (partition, offset) = (record.partition(), record.offset());
                let Some(until) = left.get(&partition).copied() else { continue };
                if offset < until {
                    ids.push(delivery(&record).inbox_id());
                }
                (until <= offset + 1).then_some(partition)
            }
            // Marks of transactions at the end of a partition are never received.
            Some(Err(KafkaError::PartitionEOF(partition))) => Some(partition),
            Some(Err(error)) if super::is_final(&error) => return Err(failed(error)),
            // The client reconnects by itself.
            Some(Err(_)) | None => None,
        };
        if let Some(partition) = ended
            && left.remove(&partition).is_some()
        {
            let mut list = TopicPartitionList::new();
            list.add_partition(topic, partition);
            reader.client.incremental_unassign(&list).map_err(failed)?;
        }
        if (STEP == ids.len() || left.is_empty()) && give.blocking_send(std::mem::take(&mut ids)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn delivery(record: &BorrowedMessage<'_>) -> Delivery {
    let headers = record.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect()
    });
    Delivery {
        topic: record.topic().into(),
        partition: record.partition(),
        offset: record.offset(),
        key: record.key().map(<[u8]>::to_vec),
        headers,
        value: record.payload().map(<[u8]>::to_vec),
        ..Delivery::default()
    }
}
