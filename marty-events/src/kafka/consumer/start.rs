use std::time::Duration;

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

/// The time that each of the two questions may take. The group waits for the answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lets partitions of which the group has no offset begin at their ends, and names those ends: the client alone would look for an end anew at
/// each start, for as long as no record of the partition was handled. Without an answer, the client does that.
///
/// Called before the partitions are assigned, whose offsets are written into the list.
pub(super) fn begin_at_ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    assigned: &TopicPartitionList,
) -> TopicPartitionList {
    let begun = ends(consumer, assigned).and_then(|ends| {
        for end in ends.elements() {
            if let Some(mut element) = assigned.find_partition(end.topic(), end.partition()) {
                element.set_offset(end.offset())?;
            }
        }
        Ok(ends)
    });
    begun.unwrap_or_else(|error| {
        tracing::warn!(%error, "the ends of partitions are not known; records that come while no consumer runs may be passed over");
        TopicPartitionList::new()
    })
}

/// The ends of those partitions of which the group has no offset.
fn ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    assigned: &TopicPartitionList,
) -> Result<TopicPartitionList, KafkaError> {
    let committed = consumer.committed_offsets(assigned.clone(), PATIENCE)?;
    let mut unknown = TopicPartitionList::new();
    for partition in committed.elements() {
        partition.error()?;
        if partition.offset() == Offset::Invalid {
            // In the place of a time, this asks for the end.
            unknown.add_partition_offset(partition.topic(), partition.partition(), Offset::End)?;
        }
    }
    if unknown.count() == 0 {
        return Ok(unknown);
    }
    let ends = consumer.offsets_for_times(unknown, PATIENCE)?;
    for end in ends.elements() {
        end.error()?;
        if !matches!(end.offset(), Offset::Offset(_)) {
            return Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset));
        }
    }
    Ok(ends)
}
